/** Whether there is a person at the other end, and in colour. */
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

type Environment = Readonly<Record<string, string | undefined>>;

/** NO_COLOR (no-color.org) and FORCE_COLOR beat the stream; empty ones count as unset, `FORCE_COLOR=0` as no. */
export function colorsFor(stream: Pick<WriteStream, 'isTTY'>, env: Environment): Colors {
  return pc.createColors(wantsColor(stream, env));
}

function wantsColor(stream: Pick<WriteStream, 'isTTY'>, env: Environment): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
