/**
 * Every error that a user can meet, by its stable code. A code is never renamed nor given a second meaning;
 * `docs/errors.md` is generated from this table. Messages begin with "cannot", name what was expected, and how to
 * mend it.
 */

interface ErrorEntry {
  /** HTTP status with which the API answers. */
  readonly status: number;
  readonly meaning: string;
  readonly mend: string;
}

export const errorCatalog = {
  SLIP_INTERNAL: {
    status: 500,
    meaning: 'Slipway met a state that it should never be in.',
    mend: 'Report it with the daemon log; the daemon is safe to restart.',
  },
  SLIP_CONFIG_INVALID: {
    status: 422,
    meaning: 'The configuration does not fit its schema; nothing was changed.',
    mend: 'Correct each place that the message lists by file, line and column.',
  },
  SLIP_CONFIG_UNREADABLE: {
    status: 422,
    meaning: 'The configuration file, or a secret file that it names, could not be read.',
    mend: 'Check that the path exists and that the daemon’s user may read it.',
  },
  SLIP_CONFIG_OTHER: {
    status: 409,
    meaning: 'This home follows another configuration file, and services of it are not in this one.',
    mend: 'Apply the file that it follows, use another home, or add `--replace` to remove those services.',
  },
  SLIP_REQUEST_INVALID: {
    status: 400,
    meaning: 'The request’s path, query or body does not fit the API’s schema.',
    mend: 'Correct the fields that the message lists.',
  },
  SLIP_MEDIA_TYPE: {
    status: 415,
    meaning: 'The request’s body is of a type that this endpoint does not take.',
    mend: 'Send `application/json`; for a package, `application/octet-stream`.',
  },
  SLIP_REQUEST_TOO_LARGE: {
    status: 413,
    meaning: 'The request’s head or its JSON body is larger than any valid one.',
    mend: 'Send less; a package goes as `application/octet-stream`, which has no such limit.',
  },
  SLIP_METHOD_UNKNOWN: {
    status: 405,
    meaning: 'There is such an API path, but not with this method.',
    mend: 'Use one of the methods in the answer’s `Allow` header.',
  },
  SLIP_NOT_FOUND: {
    status: 404,
    meaning: 'There is no such API path.',
    mend: 'See the API reference for the paths there are.',
  },
  SLIP_SERVICE_UNKNOWN: {
    status: 404,
    meaning: 'No service has this name.',
    mend: 'See `slipway status` for the names there are.',
  },
  SLIP_INSTANCE_UNKNOWN: {
    status: 404,
    meaning: 'The service has no instance with this index.',
    mend: 'See `slipway status NAME` for the instances there are.',
  },
  SLIP_INSTANCE_NOT_RUNNING: {
    status: 503,
    meaning: 'The instance has no process now.',
    mend: 'See `slipway status NAME` for why; `slipway start NAME` starts what is stopped or was given up.',
  },
  SLIP_INSTANCE_NO_PORT: {
    status: 409,
    meaning: 'The instance has neither a port nor a socket to be reached at: its service says `port: false`.',
    mend: 'Leave out `port: false` if it is a server.',
  },
  SLIP_HOST_REFUSED: {
    status: 421,
    meaning: 'The request is for a host whose name is neither this host’s nor of one of the service’s routes.',
    mend: 'Ask for `localhost`, for an IP address, or for a host that the service has a route for.',
  },
  SLIP_REVISION_UNKNOWN: {
    status: 404,
    meaning: 'The service has no such revision, or its release was already collected.',
    mend: 'See `slipway history NAME` for the revisions that are kept.',
  },
  SLIP_PACKAGE_UNREADABLE: {
    status: 422,
    meaning: 'The package could not be read or fetched.',
    mend: 'Check the path or URL, and that the daemon’s user may read it.',
  },
  SLIP_PACKAGE_DIGEST: {
    status: 422,
    meaning: 'The package’s SHA-256 is not the one that was asked for.',
    mend: 'Fetch it again, or correct the `sha256` if the publisher changed the package.',
  },
  SLIP_PACKAGE_UNSUPPORTED: {
    status: 422,
    meaning: 'The package is of no format that Slipway knows.',
    mend: 'Hand over a .tgz, .tar, .zip, .jar, .war, .whl, .pyz, a static binary or a directory.',
  },
  SLIP_PACKAGE_CORRUPT: {
    status: 422,
    meaning: 'The archive is truncated or damaged; nothing of it was kept.',
    mend: 'Build or fetch the package again.',
  },
  SLIP_PACKAGE_HOSTILE: {
    status: 422,
    meaning:
      'The archive holds an entry that could reach outside its folder or is no plain file, folder or inner link.',
    mend: 'Repack it without the entry that the message names.',
  },
  SLIP_PACKAGE_TOO_LARGE: {
    status: 422,
    meaning: 'The archive would unpack to more than the configured limits allow.',
    mend: 'Raise `unpack` limits in slipway.yaml if the package is trusted.',
  },
  SLIP_UNPACK_FAILED: {
    status: 500,
    meaning: 'Taking the package in failed for a reason that is not known to be the package’s; nothing of it was kept.',
    mend: 'See the reason in the message; if the unpacking process dies of this package each time, repack it.',
  },
  SLIP_DISK_FULL: {
    status: 507,
    meaning: 'The disk has no room for what was asked; nothing of it was kept.',
    mend: 'Free some space under the Slipway home, then try again.',
  },
  SLIP_RUNTIME_UNKNOWN: {
    status: 422,
    meaning: 'No runtime knows how to start this release.',
    mend: 'Name a `runtime:` or give a `command:`.',
  },
  SLIP_RUNTIME_MISSING: {
    status: 422,
    meaning: 'The host has no runtime of the version that was asked for.',
    mend: 'Install one that fits, add its path under `runtimes:`, or change the range.',
  },
  SLIP_RUNTIME_REMOVED: {
    status: 500,
    meaning: 'The runtime that a revision was accepted with is not on the host any more, or doesn’t work there.',
    mend: 'Install it again, or accept another with `slipway deploy` or `slipway apply`; `pinRuntime: true` keeps a copy.',
  },
  SLIP_RUNTIME_CHANGED: {
    status: 500,
    meaning: 'The host replaced the runtime of a revision by a version that its service doesn’t accept.',
    mend: 'Accept it with `slipway deploy` or `slipway apply`, or install the old one again; `pinRuntime: true` keeps a copy.',
  },
  SLIP_RUNTIME_UNPINNABLE: {
    status: 422,
    meaning: 'The runtime can’t be copied into the store so that it runs there independently of the host.',
    mend: 'See the reason in the message; name another installation under `runtimes:`, or leave out `pinRuntime`.',
  },
  SLIP_ENTRY_MISSING: {
    status: 422,
    meaning: 'The release does not say what to run.',
    mend: 'Add the entry point that the message names, or give a `command:`.',
  },
  SLIP_PREPARE_FAILED: {
    status: 422,
    meaning: 'Installing the release’s dependencies failed.',
    mend: 'See the output in the message; it ran as the command shown.',
  },
  SLIP_LAUNCH_FAILED: {
    status: 500,
    meaning: 'The operating system refused to start the process.',
    mend: 'Check that the command exists, is executable and that the host has processes and memory left.',
  },
  SLIP_CAPACITY_EXCEEDED: {
    status: 409,
    meaning: 'Instances request more CPU or memory than this host has to give.',
    mend: 'Lower requests or instances, raise capacity or its overcommit, or let them wait with whenFull: queue.',
  },
  SLIP_ISOLATION_UNAVAILABLE: {
    status: 500,
    meaning: 'A service asks for an isolation that this host, or a daemon that is not root, can’t give.',
    mend: 'See `slipway doctor` for what is missing; run the daemon as root, or ask for isolation: { level: none }.',
  },
  SLIP_LIMIT_UNENFORCED: {
    status: 500,
    meaning: 'A service with strictLimits has a limit that this host can’t enforce.',
    mend: 'See `slipway describe` for what is missing; remove the limit or strictLimits, or give the daemon cgroups.',
  },
  SLIP_BACKEND_UNUSABLE: {
    status: 500,
    meaning: 'The host does not let Slipway hold processes in the way that was asked for.',
    mend: 'Leave the choice to Slipway, or give the daemon’s user a cgroup that it may write to.',
  },
  SLIP_SOCKET_PATH_TOO_LONG: {
    status: 409,
    meaning: 'The path of an instance’s socket is longer than the system takes.',
    mend: 'Use a shorter home (`--home`) or a shorter name for the service, or give it a port instead.',
  },
  SLIP_PORTS_EXHAUSTED: {
    status: 503,
    meaning: 'No port of the configured range is free.',
    mend: 'Widen `ports:` or stop something.',
  },
  SLIP_ROLLOUT_FAILED: {
    status: 409,
    meaning: 'The new revision did not become ready; the previous one goes on serving.',
    mend: 'Look at `slipway logs NAME` and `slipway describe NAME`, mend the package, deploy again.',
  },
  SLIP_NOT_READY: {
    status: 409,
    meaning: 'What was asked for was done, but the service did not get there: an instance failed or was given up.',
    mend: 'Look at `slipway logs NAME` and `slipway describe NAME`; `slipway start NAME` tries again.',
  },
  SLIP_WAIT_TIMEOUT: {
    status: 504,
    meaning: 'What was waited for did not happen in time; it may still happen.',
    mend: 'See `slipway status`; wait longer with --timeout.',
  },
  SLIP_DAEMON_RUNNING: {
    status: 409,
    meaning: 'Another daemon already owns this home.',
    mend: 'Use that one (`slipway apply`), stop it (`slipway down`), or set another SLIPWAY_HOME.',
  },
  SLIP_DAEMON_UNREACHABLE: {
    status: 503,
    meaning: 'No daemon answers on the control socket.',
    mend: 'Start one with `slipway up -d` or `slipway daemon`.',
  },
  SLIP_STATE_NEWER: {
    status: 500,
    meaning: 'A state file was written by a newer Slipway.',
    mend: 'Run that version, or restore the backup made before the upgrade.',
  },
  SLIP_STATE_CORRUPT: {
    status: 500,
    meaning: 'A state file does not hold what Slipway writes.',
    mend: 'Restore it from a backup, or remove it and apply the configuration again.',
  },
  SLIP_LISTEN_FAILED: {
    status: 500,
    meaning: 'An address to listen on is taken, not on this host, or not permitted.',
    mend: 'Choose another address, or free that one.',
  },
  SLIP_ROUTER_FAILED: {
    status: 500,
    meaning: 'The router did not come up, or does not answer.',
    mend: 'See logs/router.log in the Slipway home.',
  },
  SLIP_NO_ROUTE: {
    status: 404,
    meaning: 'The router has no route for this host and path.',
    mend: 'Check the `route:` of the service; `slipway describe NAME` shows the routes in force.',
  },
  SLIP_RATE_LIMITED: {
    status: 429,
    meaning: 'The client made more requests than the route allows.',
    mend: 'Wait for as many seconds as Retry-After says; the limit is `rateLimit:` of the route.',
  },
  SLIP_RESPONSE_UNREADABLE: {
    status: 500,
    meaning: 'The file that the route responds with cannot be read.',
    mend: 'Check `respond: body: file:` of the route; logs/router.log has the cause.',
  },
  SLIP_NO_READY_INSTANCE: {
    status: 503,
    meaning: 'The service that the route leads to has no ready instance now.',
    mend: 'Try again; `slipway status NAME` says why none is ready.',
  },
  SLIP_SERVICE_BUSY: {
    status: 503,
    meaning: 'All instances of the service have as many requests as they may, and no more may wait, or not for longer.',
    mend: 'Try again; add instances, or raise `traffic.maxConnections` or `traffic.queue`.',
  },
  SLIP_SERVICE_FAILING: {
    status: 503,
    meaning: 'Most requests to the service failed lately, so its circuit breaker spares it for a while.',
    mend: 'Try again after the time in `Retry-After`; `slipway logs NAME` says why it fails.',
  },
  SLIP_INSTANCE_UNREACHABLE: {
    status: 502,
    meaning: 'The instance refused the connection, broke it off or answered with something that is not HTTP.',
    mend: 'See `slipway logs NAME`; of a request through the router, logs/router.log has the cause by its X-Request-Id.',
  },
  SLIP_INSTANCE_TIMEOUT: {
    status: 504,
    meaning: 'The instance did not answer in time.',
    mend: 'See `slipway logs NAME`; of a request through the router, logs/router.log has the cause by its X-Request-Id.',
  },
  SLIP_STOPPING: {
    status: 503,
    meaning: 'The daemon is going down and takes no more changes.',
    mend: 'Wait until it is gone, then start it again.',
  },
  SLIP_GAPS_FOUND: {
    status: 409,
    meaning: 'Something that a configured service asks for is not in force on this host.',
    mend: 'See the gaps that `slipway doctor` lists, each with what to do about it.',
  },
  SLIP_USAGE: {
    status: 400,
    meaning: 'The command line is not one that slipway understands.',
    mend: 'See `slipway help`.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalog;

/** An error meant for a user. Anything else that is thrown is a bug in Slipway. */
export class SlipwayError extends Error {
  readonly code: ErrorCode;
  /** Further lines, one problem each. */
  readonly details: readonly string[];

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: readonly string[] } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'SlipwayError';
    this.code = code;
    this.details = options.details ?? [];
  }
}
