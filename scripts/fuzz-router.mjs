/**
 * Looks for messages that the router and its neighbours understand differently: `npm run fuzz:router -- --seconds 60`,
 * with `--seed N` to repeat a run. What it finds is kept in `test/fuzz/seeds/`, and tried first by every later run.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) {
  console.error('cannot fuzz: --seconds must be a number above 0');
  process.exit(2);
}
const folder = 'test/fuzz/router';
const files = readdirSync(folder).filter(name => name.endsWith('.test.ts'));
const { status } = spawnSync(
  process.execPath,
  [
    '--import',
    'tsx',
    '--test',
    '--test-concurrency=1',
    '--test-reporter=spec',
    ...files.map(name => `${folder}/${name}`),
  ],
  {
    stdio: 'inherit',
    shell: false,
    env: { ...process.env, FUZZ_SECONDS: String(seconds), ...(values.seed && { FUZZ_SEED: values.seed }) },
  },
);
process.exit(status ?? 1);
