/**
 * Starting 100 instances: from the command that asks a running supervisor for them (`slipway apply`, `pm2 start`,
 * `supervisorctl start`; for runit, `runsvdir` itself) to the first instruction of the last. They take turns.
 *
 *     node --import tsx bench/supervise/start.ts [ROUNDS]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { judge, printTable } from '../support/report.ts';
import { onStage } from '../support/stage.ts';
import { median } from '../support/statistics.ts';
import { monotonicSeconds } from '../support/waiting.ts';

const rounds = Number(process.argv[2] ?? 5);
const instances = 100;
const goal = 1;

await onStage(async stage => {
  const samples = stage.supervisors.map(({ name }) => ({ name, first: [] as number[], last: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [at, supervisor] of stage.supervisors.entries()) {
      const act = await stage.prepare(supervisor, instances);
      await delay(500);
      const asked = monotonicSeconds();
      const started = act.start();
      const born = (await act.births.next(instances)).map(birth => birth.at - asked);
      samples[at]?.first.push(Math.min(...born));
      samples[at]?.last.push(Math.max(...born));
      await started;
      await stage.end(act);
    }
  }
  console.log(`${rounds} rounds, ${instances} instances, medians in seconds`);
  const rows = samples.map(({ name, first, last }) => ({ name, figures: [median(first), median(last)] }));
  printTable(['first runs', 'all run'], rows, 2);
  judge([{ what: 'seconds', figure: rows[0]?.figures[1] ?? Number.NaN, most: goal }]);
});
