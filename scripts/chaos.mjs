/**
 * Lets parts of a Slipway die, be replaced and be upgraded under load: `npm run chaos -- --seconds 30`, with `--seed N` to
 * do the same in the same order again. It takes longer where the host is slow: all is done a few times at least.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, seed: { type: 'string' } },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed ?? Date.now() % 1_000_000)];
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error('cannot begin: --seconds must be a number above 0, and --seed a whole number');
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-reporter=spec', 'test/chaos/chaos.test.ts'],
  {
    stdio: 'inherit',
    env: { ...process.env, CHAOS_SECONDS: String(seconds), CHAOS_SEED: String(seed) },
    // A run that never ends fails instead of holding others up.
    timeout: (seconds + 300) * 1_000,
    killSignal: 'SIGKILL',
  },
);
process.exit(status ?? 1);
