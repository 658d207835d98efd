/** What holds for a run of a probe of any kind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/control/clock.ts';
import type { Cancel, Clock, Milliseconds } from '../../src/domain/clock.ts';
import type { Attempt, TimeLimit } from '../../src/probes/attempt.ts';
import type { ProbeResult } from '../../src/probes/contract.ts';
import { execAttempt } from '../../src/probes/exec.ts';
import { httpAttempt } from '../../src/probes/http.ts';
import { tcpAttempt } from '../../src/probes/tcp.ts';
import { eventually } from '../helpers/eventually.ts';
import { tcpServer } from '../helpers/tcp-server.ts';

interface Subject {
  readonly attempt: (limit: TimeLimit) => Attempt;
  /** Whether the run has let go of all that it used. */
  readonly released?: () => boolean;
}

interface Kind {
  readonly passing: (t: TestContext) => Promise<Subject>;
  readonly failing: (t: TestContext) => Promise<Subject>;
  readonly hanging: (t: TestContext) => Promise<Subject>;
  /** In words, for each. */
  readonly details: readonly [passing: RegExp, failing: RegExp, hanging: RegExp];
}

const target = { place: undefined, env: { PATH: process.env['PATH'] ?? '' }, cwd: '/' };
const get = { kind: 'http', path: '/', headers: {}, status: [200, 399] } as const;
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const kinds: Readonly<Record<'http' | 'tcp' | 'exec', Kind>> = {
  http: {
    passing: async t => {
      const { port, open } = await tcpServer(t, socket => socket.write(ok));
      return { attempt: limit => httpAttempt(get, { port }, limit), released: () => open.size === 0 };
    },
    failing: async () => {
      const port = await refusedPort();
      return { attempt: limit => httpAttempt(get, { port }, limit) };
    },
    hanging: async t => {
      const { port, open } = await tcpServer(t);
      return { attempt: limit => httpAttempt(get, { port }, limit), released: () => open.size === 0 };
    },
    details: [/^HTTP 200$/, /^connection refused on port \d+$/, /^no answer within 200 ms$/],
  },
  tcp: {
    passing: async t => {
      const { port, open } = await tcpServer(t);
      return { attempt: limit => tcpAttempt({ port }, limit), released: () => open.size === 0 };
    },
    failing: async () => {
      const port = await refusedPort();
      return { attempt: limit => tcpAttempt({ port }, limit) };
    },
    hanging: async t => {
      const port = await stuckPort(t);
      return { attempt: limit => tcpAttempt({ port }, limit) };
    },
    details: [
      /^connected to port \d+$/,
      /^connection refused on port \d+$/,
      /^no connection to port \d+ within 200 ms$/,
    ],
  },
  exec: {
    passing: async () => ({ attempt: limit => execAttempt(['true'], target, limit) }),
    failing: async () => ({
      attempt: limit => execAttempt(['sh', '-c', 'echo one; echo not yet >&2; exit 2'], target, limit),
    }),
    hanging: async () => ({ attempt: limit => execAttempt(['sleep', '600'], target, limit) }),
    details: [/^exited 0$/, /^exited 2: not yet$/, /^no exit within 200 ms$/],
  },
};

/** A port on which nobody listens. */
async function refusedPort(): Promise<number> {
  const ends: (() => void)[] = [];
  const { port } = await tcpServer({ after: end => ends.push(end as () => void) });
  for (const end of ends) end();
  return port;
}

/** A port whose owner is stopped and whose queue of connections is full, so that a further one is never accepted. */
async function stuckPort(t: TestContext): Promise<number> {
  const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    process.stdout.write(String(this.address().port)); })`;
  const owner = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => owner.kill('SIGKILL'));
  const [said] = await once(owner.stdout, 'data');
  const port = Number(said);
  owner.kill('SIGSTOP');
  for (let queued = 0; queued < 4; queued += 1) {
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {});
    t.after(() => socket.destroy());
  }
  await eventually(
    'a full queue',
    () =>
      new Promise<boolean>(resolve => {
        const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {});
        const accepted = setTimeout(() => resolve(true), 100);
        socket.on('connect', () => {
          clearTimeout(accepted);
          resolve(false);
        });
        t.after(() => socket.destroy());
      }),
  );
  return port;
}

/** The system's time, and how many of its timers run. */
function countingClock(): Clock & { readonly pending: () => number } {
  const timers = new Set<object>();
  return {
    ...systemClock,
    pending: () => timers.size,
    after: (delay: Milliseconds, run: () => void): Cancel => {
      const timer = {};
      timers.add(timer);
      const cancel = systemClock.after(delay, () => {
        timers.delete(timer);
        run();
      });
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
  };
}

async function result(attempt: Attempt): Promise<ProbeResult> {
  const results: ProbeResult[] = [];
  attempt(each => results.push(each));
  assert.deepEqual(results, [], 'no result before the call returns');
  await eventually('a result', () => results.length > 0);
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(results.length, 1);
  return results[0] ?? assert.fail();
}

for (const [name, kind] of Object.entries(kinds)) {
  for (const [i, state] of (['passing', 'failing', 'hanging'] as const).entries()) {
    test(`${name}, ${state}: one result in words, and all is let go of`, async t => {
      const clock = countingClock();
      const subject = await kind[state](t);
      const { passed, detail } = await result(subject.attempt({ clock, timeout: state === 'hanging' ? 200 : 20_000 }));
      assert.equal(passed, state === 'passing', detail);
      assert.match(detail, kind.details[i] ?? /^$/);
      assert.equal(clock.pending(), 0);
      await eventually('release', subject.released ?? (() => true));
    });

    test(`${name}, ${state}: a cancel gives no result, and lets go of all`, async t => {
      const clock = countingClock();
      const subject = await kind[state](t);
      const cancel = subject.attempt({ clock, timeout: 20_000 })(() => assert.fail('a result after the cancel'));
      cancel();
      cancel();
      assert.equal(clock.pending(), 0);
      await eventually('release', subject.released ?? (() => true));
      // What would have become of it, had it gone on.
      await result((await kind.passing(t)).attempt({ clock, timeout: 20_000 }));
    });
  }
}
