/** `docs/states.md`: the state machines, from the tables that the daemon runs. */
import type { EventKind } from '../src/domain/instance/events.ts';
import { type InstanceStateKind, instanceStates, stateTraits } from '../src/domain/instance/state.ts';
import { targets } from '../src/domain/instance/step.ts';
import { table } from '../src/domain/instance/table.ts';

const meaning: Readonly<Record<InstanceStateKind, string>> = {
  stopped: 'No process, and none is wanted (or it completed and its restart policy leaves it at that).',
  launching: 'A process is being spawned.',
  starting: 'The process runs and is not ready yet.',
  ready: 'The process is ready; the router sends it requests.',
  unready: 'The process runs, was ready, and fails its readiness probe; the router sends it none.',
  draining: 'Withdrawn from the router; requests in flight may finish.',
  stopping: 'The stop signal was sent; the process has its grace to end.',
  killing: 'Whatever is left of the process tree is killed, until it is verified empty.',
  backoff: 'It ended; the next try comes when the delay is over.',
  recovering: 'The daemon was started and looks for the process of the last one.',
  failed: 'Given up, or unkillable; nothing happens until `slipway start`.',
};

export function renderStates(): string {
  const events = Object.keys(table.stopped) as EventKind[];
  const lines = [
    '# States of an instance',
    '',
    'Generated from `src/domain/instance/table.ts`; do not edit. The machine is pure: `step(instance, event, context)`',
    'gives the next state and the effects. Events that come late (of an older launch or timer) are dropped. Every event',
    'that is not listed for a state is ignored in it.',
    '',
    '| state | meaning | routed | probed | a process may live | waits for |',
    '| --- | --- | --- | --- | --- | --- |',
    ...instanceStates.map(state => {
      const { routed, probed, process, waitsFor } = stateTraits[state];
      return `| ${state} | ${meaning[state]} | ${tick(routed)} | ${tick(probed)} | ${tick(process)} | ${waitsFor} |`;
    }),
    '',
    '## Transitions',
    '',
    '| state | event | leads to |',
    '| --- | --- | --- |',
    ...instanceStates.flatMap(state =>
      events.flatMap(event => {
        const to = targets(state, event);
        return to.length === 0 ? [] : [`| ${state} | ${event} | ${to.join(', ')} |`];
      }),
    ),
    '',
    'There is one way out of a live process: `killing`, and out of that only once its whole tree is verified gone.',
    'Restart is stopping with `desired` = up. The first restart after a stable run is immediate; then the backoff grows.',
    '',
    '# States of a rollout',
    '',
    'A rollout is recorded with the service, before anything of it happens; so a daemon that dies in the middle is',
    'followed by one that goes on.',
    '',
    '| state | meaning | leads to |',
    '| --- | --- | --- |',
    '| rolling | instances are replaced, the new one ready before the old one drains | succeeded when all are of the new revision and available; reverting when a new instance gives up or crashes three times, or nothing got further within `rollout.timeout` |',
    '| reverting | back to the revision that still serves | failed when all are of the old revision and available |',
    '| succeeded | the new revision serves | |',
    '| failed | the old revision serves | |',
    '',
  ];
  return lines.join('\n');
}

function tick(value: boolean): string {
  return value ? 'yes' : '';
}
