/**
 * Named places at which a test lets the daemon die as if by `kill -9`, to hold it to "starting is recovering". Inert
 * unless SLIPWAY_CRASH_AT names one, as `NAME` or `NAME:N` for the Nth time it is passed.
 */
export const crashPoints = [
  'instance.before-spawn',
  'instance.after-spawn',
  'instance.recorded',
  'instance.ready',
  'instance.draining',
  'instance.signalled',
  'instance.killed',
  'instance.removed',
  'deploy.ingested',
  'deploy.prepared',
  'deploy.recorded',
  'rollout.concluded',
  'rollout.reverting',
  'router.started',
  'router.published',
  'logs.rotated',
  'config.saved',
] as const;

export type CrashPoint = (typeof crashPoints)[number];

const [armed, occurrence = '1'] = (process.env['SLIPWAY_CRASH_AT'] ?? '').split(':');
let left = Number(occurrence);

export function crashPoint(name: CrashPoint): void {
  if (name !== armed) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}
