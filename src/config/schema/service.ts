/** One service of slipway.yaml. Every default of a service is here and nowhere else. */
import { z } from 'zod';
import { parseVersionRange } from '../../domain/version-range.ts';
import { isolationSchema, secretsSchema } from './isolation.ts';
import { limitsSchema, requestsSchema, totalLimitsSchema } from './limits.ts';
import { probesSchema } from './probes.ts';
import { routeSchema } from './route.ts';
import { address } from './router.ts';
import {
  decimal,
  duration,
  envName,
  filePath,
  flag,
  list,
  nonEmptyList,
  serviceName,
  text,
  verbatim,
  whole,
  word,
} from './scalars.ts';
import { isMapping, section } from './section.ts';
import { trafficSchema } from './traffic.ts';

const sha256 = text('the 64 hexadecimal digits that `sha256sum` prints', /^[0-9a-fA-F]{64}$/)
  .meta({ title: 'SHA-256', examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] })
  .transform(digest => digest.toLowerCase());

const url = text('an http(s) URL', /^https?:\/\/[^\s/]+/i).meta({
  title: 'URL',
  examples: ['https://example.com/greeter-1.2.0.tgz'],
});

const packageError = 'a path, a URL with sha256 beside it, or a mapping with path, or with url and sha256';

const packageSchema = z.union(
  [
    text(packageError, /\S/).meta({ title: 'path or URL', examples: ['./packages/greeter-1.2.0.tgz'] }),
    section({
      path: filePath.exactOptional().describe('Archive, JAR, wheel, binary or folder, relative to this file.'),
      url: url.exactOptional().describe('Where to fetch it, with `sha256`.'),
      sha256: sha256.exactOptional().describe('Digest that the fetched bytes must have.'),
    }),
  ],
  { error: packageError },
);

const envValue = z.union(
  [
    verbatim('text').meta({ title: 'text' }),
    section({
      file: filePath.describe('File with the value, read at each launch; one line break at its end is dropped.'),
    }),
  ],
  { error: 'text, a number, true or false, or { file: PATH }; write "" for an empty value' },
);

const commandWord = verbatim('a word of a command line').meta({ title: 'word' });
const commandError = 'a list of words such as ["node", "server.js"]';

const backoff = section({
  initial: duration({ min: 1 })
    .prefault('100ms')
    .describe('Wait after the first run that was not stable; a restart after a stable one is immediate.'),
  max: duration({ min: 1 }).prefault('30s').describe('The wait never grows beyond this.'),
  factor: decimal(1, 100).prefault(2).describe('What each wait is multiplied by for the next.'),
  jitter: decimal(0, 1)
    .prefault(0.1)
    .describe('Share of the wait that is taken off at random, so that instances do not restart in step.'),
}).refine(({ initial, max }) => initial <= max, {
  error: 'cannot begin with a longer wait than the longest: expected initial to be at most max',
});

const restart = section({
  policy: word(['always', 'on-failure', 'never']).prefault('always').describe('Which exits are followed by a restart.'),
  backoff: backoff.prefault({}).describe('How long to wait between restarts.'),
  stableAfter: duration().prefault('10s').describe('A run at least this long is stable, and clears the history.'),
  giveUpAfter: z
    .union(
      [
        z.literal(false),
        section({
          restarts: whole(1, 1_000_000).prefault(10).describe('So many restarts …'),
          within: duration({ min: 1 }).prefault('1m').describe('… in this time make the instance `failed`.'),
        }),
      ],
      { error: 'false, or a mapping with restarts and within' },
    )
    .prefault({})
    .describe(
      'When to stop trying until `slipway start`; `false` for never. With the default backoff a crash loop stays below the default: it is tried again every 30 s, for good.',
    ),
});

const rollout = section({
  maxSurge: whole(0, 1000).prefault(1).describe('Instances that may run beyond the wanted number.'),
  maxUnavailable: whole(0, 1000).prefault(0).describe('Instances that may be missing from the wanted number.'),
  minReady: duration().prefault('0s').describe('How long a new instance must stay ready before it counts.'),
  timeout: duration({ min: 1 }).prefault('2m').describe('Without progress for this long, the rollout is reverted.'),
}).refine(({ maxSurge, maxUnavailable }) => maxSurge !== 0 || maxUnavailable !== 0, {
  when: ({ value }) => isMapping(value),
  error: 'cannot replace anything with maxSurge and maxUnavailable both 0: expected one of them to be at least 1',
});

const stop = section({
  signal: word(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGABRT', 'SIGKILL'])
    .prefault('SIGTERM')
    .describe('What asks the main process to end.'),
  grace: duration().prefault('10s').describe('Time from the signal until the whole tree is killed.'),
  drain: duration().prefault('10s').describe('Time for requests in flight before the signal.'),
});

const runtimeExpected = 'a runtime such as node, node@20 or java@>=17';

function isRuntimeRange(text: string): boolean {
  const at = text.indexOf('@');
  return at < 0 || parseVersionRange(text.slice(at + 1)) !== undefined;
}

export const serviceSchema = section({
  package: packageSchema.describe(
    'What to run: a `.tgz`, `.tar`, `.zip`, `.jar`, `.war`, `.whl`, `.pyz`, a static binary or a folder. Paths are relative to this file; a URL needs `sha256`.',
  ),
  sha256: sha256.exactOptional().describe('Digest that the package must have, where `package` is a URL.'),
  runtime: text(runtimeExpected, /^[a-z][a-z0-9-]*(@.+)?$/)
    .refine(isRuntimeRange, { error: runtimeExpected })
    .meta({ title: 'runtime', examples: ['node@20', 'java@>=17', 'python@3.11', 'exec'] })
    .exactOptional()
    .describe('What starts the package, with a version range if it matters. Left out: detected from the package.'),
  command: nonEmptyList(commandWord, commandError)
    .exactOptional()
    .describe(
      `Command line that beats what the runtime would run. No shell reads it; \`\${PORT}\` is the instance’s port.`,
    ),
  args: list(commandWord, commandError)
    .prefault([])
    .describe(`Words after the command line. \`\${PORT}\` as in \`command\`.`),
  runtimeArgs: list(commandWord, commandError)
    .prefault([])
    .describe('Flags for the runtime itself, such as `-Xmx128m` or `--enable-source-maps`.'),
  instances: whole(0, 1000).prefault(1).describe('How many to run.'),
  port: z
    .union(
      [
        z.literal(false),
        section({ env: envName.prefault('PORT').describe('Variable that tells an instance its port.') }),
      ],
      { error: 'false, or { env: NAME }' },
    )
    .exactOptional()
    .describe(
      'Each instance is given a port of its own; `false` for a service that listens on none. Left out: `{ env: PORT }`, or `false` where there is a `socket`.',
    ),
  socket: section({
    env: envName.prefault('SOCKET').describe('Variable that tells an instance the path of its socket.'),
  })
    .exactOptional()
    .describe(
      'Instead of a port, each instance is given the path of a Unix socket of its own to listen on. Router and probes connect to it. The path goes where `${SOCKET}` stands in command lines.',
    ),
  env: z
    .record(envName, envValue, { error: 'a mapping of variable names to values' })
    .prefault({})
    .describe(
      `Environment of the instances. Values with \`\${NAME}\` are taken from the environment at apply time and, like those of files, never shown.`,
    ),
  route: routeSchema.exactOptional().describe('The one route to this service. Left out, with `routes`: not routed.'),
  routes: list(routeSchema, 'a list of routes').exactOptional().describe('Several routes, instead of `route`.'),
  traffic: trafficSchema.prefault({}).describe('How the router treats the instances.'),
  tcp: list(address, 'a list of addresses such as ["127.0.0.1:5432"]')
    .prefault([])
    .describe(
      'Addresses of the router whose connections are passed on to the instances as they are, whatever they speak.',
    ),
  limits: limitsSchema.prefault({}).describe('What each instance may consume. Left out: unlimited.'),
  totalLimits: totalLimitsSchema.prefault({}).describe('What all instances together may consume.'),
  strictLimits: flag()
    .prefault(false)
    .describe('Whether a limit that this host can’t enforce keeps an instance from starting.'),
  memoryWatchdog: flag()
    .prefault(false)
    .describe('Where no cgroup limits memory: whether an instance that is measured to use more is restarted.'),
  requests: requestsSchema.prefault({}).describe('What is reserved for each instance on this host.'),
  isolation: isolationSchema.prefault({}).describe('How far instances are kept from others and from the host.'),
  secrets: secretsSchema
    .prefault({})
    .describe(
      'Files that an instance finds under these names in the folder `$SLIPWAY_SECRETS`, which is kept in memory.',
    ),
  pinRuntime: flag()
    .prefault(false)
    .describe('Whether the runtime is copied into Slipway’s home, so that an upgrade of the host doesn’t change it.'),
  probes: probesSchema.prefault({}).describe('How Slipway finds out how an instance is.'),
  restart: restart.prefault({}).describe('What to do when an instance exits by itself.'),
  rollout: rollout.prefault({}).describe('How a new revision replaces the old one.'),
  stop: stop.prefault({}).describe('How an instance is stopped.'),
  dependsOn: list(serviceName, 'a list of service names')
    .prefault([])
    .describe('Services that must be ready before this one starts, and that stop after it.'),
  keepRevisions: whole(1, 1000).prefault(5).describe('How many revisions stay for a rollback.'),
});

export type ServiceInput = z.input<typeof serviceSchema>;
export type ServiceConfig = z.output<typeof serviceSchema>;
