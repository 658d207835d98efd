/**
 * `kill -9` of the daemon at every named step. Whatever it was about to do: requests are answered throughout, and the
 * next daemon finds every process again, doubles none, leaves none behind, and finishes or takes back what was under way.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CrashPoint, crashPoints } from '../../src/control/crash-points.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { SteadyRequests } from '../helpers/steady-requests.ts';

const brokenPackage = appPackage.replace(/app$/, 'broken');

interface Scenario {
  /** What the daemon is asked for, on the way to which it dies; nothing where it dies by itself. */
  readonly trigger?: (host: TestHost) => Promise<unknown>;
  /** Indexes whose processes must be the same afterwards. */
  readonly same: readonly number[];
  /** Which passing of the point it dies at, counted from its start; the first where absent. */
  readonly occurrence?: number;
  readonly wanted: number;
  readonly revision?: number;
}

const app = (instances: number) => ({
  app: {
    package: appPackage,
    instances,
    route: { path: '/' },
    rollout: { minReady: '0s' },
    restart: { backoff: { initial: '20ms', max: '100ms' } },
  },
});

const scale = (instances: number) => (host: TestHost) =>
  host.client.call('POST /v1/services/:name/scale', { params: { name: 'app' }, body: { instances } });
const deploy = (path: string) => (host: TestHost) =>
  host.client.call('POST /v1/services/:name/deploy', { params: { name: 'app' }, body: { package: path } });

const scaleUp: Scenario = { trigger: scale(3), same: [0, 1], wanted: 3 };
const scaleDown: Scenario = { trigger: scale(1), same: [0], wanted: 1 };
const undone: Scenario = { trigger: deploy(appPackage), same: [0, 1], wanted: 2, revision: 1 };
const done: Scenario = { trigger: deploy(appPackage), same: [], wanted: 2, revision: 2 };
const reverted: Scenario = { trigger: deploy(brokenPackage), same: [0, 1], wanted: 2, revision: 1 };
const byItself: Scenario = { same: [0, 1], wanted: 2 };

const scenarios: Readonly<Record<CrashPoint, Scenario>> = {
  'instance.before-spawn': scaleUp,
  'instance.after-spawn': scaleUp,
  'instance.recorded': scaleUp,
  // The two that it adopts pass it too.
  'instance.ready': { ...scaleUp, occurrence: 3 },
  'instance.draining': scaleDown,
  'instance.signalled': scaleDown,
  'instance.killed': scaleDown,
  'instance.removed': scaleDown,
  'deploy.ingested': undone,
  'deploy.prepared': undone,
  'deploy.recorded': done,
  'rollout.concluded': done,
  'rollout.reverting': reverted,
  'router.started': byItself,
  'router.published': byItself,
  'logs.rotated': byItself,
  'config.saved': { trigger: host => host.apply(app(3)), same: [0, 1], wanted: 3 },
};

describe('the daemon, killed at', { concurrency: 1 }, () => {
  for (const point of crashPoints) {
    it(point, async t => {
      const { trigger, same, occurrence = 1, wanted, revision } = scenarios[point];
      const host = await TestHost.create(t);
      await host.start();
      await host.apply(app(2));
      const before = (await host.ready('app')).instances;
      const traffic = new SteadyRequests(host.routerPort);
      await host.kill();

      if (trigger === undefined) {
        await host.start({ SLIPWAY_CRASH_AT: `${point}:${occurrence}` }).catch(() => {});
      } else {
        // Not at the start, where it recovers what is there, but at what it is asked for then.
        await host.start({ SLIPWAY_CRASH_AT: `${point}:${occurrence}` });
        await trigger(host).catch(() => {});
      }
      await host.died();
      assert.equal(host.daemon.signalCode, 'SIGKILL');

      await host.start();
      const service = await host.until('app', 'settled', one => {
        return one.state === 'ready' && one.ready === wanted && one.instances.length === wanted && !isRolling(one);
      });
      assert.deepEqual(await traffic.stop(), [], 'no request failed');
      assert.ok(traffic.count > 0);

      const pids = service.instances.map(one => one.pid ?? 0).sort();
      assert.deepEqual(
        await eventually('nothing but these processes', () => {
          const alive = host.instanceProcesses().sort();
          return alive.length === pids.length ? alive : undefined;
        }),
        pids,
      );
      for (const index of same) {
        const was = before.find(one => one.index === index)?.pid;
        assert.equal(service.instances.find(one => one.index === index)?.pid, was, `${index} is the same process`);
      }
      if (revision !== undefined) assert.equal(service.revision, revision);
    });
  }
});

function isRolling({ rollout }: { readonly rollout?: { readonly state: string } | undefined }): boolean {
  return rollout?.state === 'rolling' || rollout?.state === 'reverting';
}
