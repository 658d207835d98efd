/**
 * What a supervisor does while nothing happens: CPU time over a minute with 100 instances that wait, without probes.
 * All are watched in the same minute.
 *
 *     node --import tsx bench/supervise/idle.ts [SECONDS]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds } from '../support/processes.ts';
import { judge, printTable } from '../support/report.ts';
import { onStage } from '../support/stage.ts';

const seconds = Number(process.argv[2] ?? 60);
const instances = 100;
const goal = 0.05;

await onStage(async stage => {
  const watched: { readonly name: string; readonly pids: readonly number[]; readonly apart?: boolean }[] = [];
  for (const supervisor of stage.supervisors) {
    const act = await stage.play(supervisor, instances);
    watched.push({ name: act.name, pids: act.own() });
    for (const [what, pids] of Object.entries(act.beside?.() ?? {})) watched.push({ name: what, pids, apart: true });
  }
  await delay(10_000);
  const before = watched.map(({ pids }) => cpuSeconds(pids));
  await delay(seconds * 1000);
  const rows = watched.map(({ pids, ...row }, at) => ({ ...row, figures: [cpuSeconds(pids) - (before[at] ?? 0)] }));
  console.log(`CPU seconds in ${seconds} s, ${instances} instances`);
  printTable(['user + system'], rows, 2);
  judge([{ what: `CPU seconds`, figure: rows[0]?.figures[0] ?? Number.NaN, most: (goal * seconds) / 60 }]);
});
