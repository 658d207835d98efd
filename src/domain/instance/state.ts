/** The states of an instance; see `table.ts` for the ways between them. */

export const instanceStates = [
  'stopped',
  'launching',
  'starting',
  'ready',
  'unready',
  'draining',
  'stopping',
  'killing',
  'backoff',
  'recovering',
  'failed',
] as const;

export type InstanceStateKind = (typeof instanceStates)[number];
