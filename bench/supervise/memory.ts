/**
 * Memory of the supervisor itself: its proportional set size (PSS of smaps_rollup), instances not counted, once it has
 * come to rest. What further processes of Slipway do that no peer does is given apart.
 *
 *     node --import tsx bench/supervise/memory.ts
 */
import { setTimeout as delay } from 'node:timers/promises';
import { pssMb } from '../support/processes.ts';
import { judge, printTable, type Row } from '../support/report.ts';
import { onStage } from '../support/stage.ts';

const counts = [1, 100, 500];
const goals = [
  { instances: 100, most: 60 },
  { instances: 500, most: 80 },
];
const rest = 5_000;

await onStage(async stage => {
  const rows: Row[] = [];
  for (const supervisor of stage.supervisors) {
    const figures: number[] = [];
    const beside = new Map<string, number[]>();
    for (const count of counts) {
      const act = await stage.play(supervisor, count);
      await delay(rest);
      figures.push(pssMb(act.own()));
      for (const [what, pids] of Object.entries(act.beside?.() ?? {})) {
        beside.set(what, [...(beside.get(what) ?? []), pssMb(pids)]);
      }
      await stage.end(act);
    }
    rows.push({ name: supervisor.name, figures });
    for (const [what, more] of beside) rows.push({ name: what, figures: more, apart: true });
  }
  console.log('PSS in MB');
  printTable(
    counts.map(count => `${count} inst.`),
    rows,
    1,
  );
  judge(
    goals.map(({ instances, most }) => {
      const figure = rows[0]?.figures[counts.indexOf(instances)] ?? Number.NaN;
      return { what: `MB at ${instances} instances`, figure, most };
    }),
  );
});
