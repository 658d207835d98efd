/**
 * How long a service is without an instance that was killed: from the SIGKILL to the first instruction of the next
 * process, after a run that counted as stable. All supervisors are up at once and take turns.
 *
 *     node --import tsx bench/supervise/restart.ts [ROUNDS]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { judge, printTable } from '../support/report.ts';
import { type Act, onStage } from '../support/stage.ts';
import { median, quantile } from '../support/statistics.ts';
import { monotonicSeconds } from '../support/waiting.ts';

const rounds = Number(process.argv[2] ?? 40);
/** Each is killed once in so many rounds, so that it has run for longer than any peer wants of a stable run. */
const instances = 8;
const goal = 10;

await onStage(async stage => {
  const acts: Act[] = [];
  for (const supervisor of stage.supervisors) acts.push(await stage.play(supervisor, instances));
  const living = new Map(acts.map(act => [act, [...act.births.alive]]));
  const samples = new Map(acts.map(act => [act, [] as number[]]));
  console.log(`${rounds} rounds, ${instances} instances each, milliseconds`);
  await delay(2_000);
  for (let round = 0; round < rounds; round++) {
    for (const act of acts) {
      const pids = living.get(act) ?? [];
      const killed = monotonicSeconds();
      process.kill(pids.shift() ?? 0, 'SIGKILL');
      const [next] = await act.births.next(1);
      if (next === undefined) continue;
      pids.push(next.pid);
      samples.get(act)?.push((next.at - killed) * 1000);
      await delay(100);
    }
  }
  const rows = [...samples].map(([{ name }, values]) => {
    return { name, figures: [median(values), quantile(values, 0.9), Math.min(...values)] };
  });
  printTable(['median', '90 %', 'least'], rows, 1);
  judge([{ what: 'median in ms', figure: rows[0]?.figures[0] ?? Number.NaN, most: goal }]);
});
