/**
 * Names that become file names, cgroup names and host names. A service's name is a DNS label (RFC 1123, section
 * 2.1), so it holds no dot; that makes `service.index.rN` unambiguous.
 */

export const serviceNamePattern = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** One process tree that should exist: at most two revisions of an index live at once, during a rollout. */
export interface InstanceId {
  readonly service: string;
  readonly index: number;
  readonly revision: number;
}

/** `greeter.0.r3`: unique among everything alive; names the instance's record and cgroup. */
export function instanceKey(id: InstanceId): string {
  return `${id.service}.${id.index}.r${id.revision}`;
}

/** The inverse of {@link instanceKey}; `undefined` for anything that it didn't make. */
export function parseInstanceKey(key: string): InstanceId | undefined {
  const match = /^([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)\.(0|[1-9]\d{0,5})\.r([1-9]\d{0,8})$/.exec(key);
  if (!match) return undefined;
  return { service: match[1] as string, index: Number(match[2]), revision: Number(match[3]) };
}

/** `greeter/0`: what people read and type. */
export function instanceLabel(id: Pick<InstanceId, 'service' | 'index'>): string {
  return `${id.service}/${id.index}`;
}
