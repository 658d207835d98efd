/**
 * Variables that change what other programs do are kept from those that run with privileges on the way into a sandbox,
 * and given back to the program itself: its package must not get to load a library into them. Pure.
 */

type Environment = Readonly<Record<string, string>>;

/** Of the dynamic loader and the C library (ld.so(8), environ(7)), of shells, and of libmount. */
const influential = /^(?:LD_|GLIBC_|GCONV_|LOCPATH|NLSPATH|MALLOC_|LIBMOUNT_|BASH|SHELLOPTS|ENV$|IFS$|CDPATH$|PS4$)/;

export interface HeldEnvironment {
  readonly env: Environment;
  /** Commands of a shell that give back what was held; empty where nothing was. */
  readonly giveBack: string;
}

export function holdEnvironment(env: Environment): HeldEnvironment {
  const names = Object.keys(env).filter(name => influential.test(name) && /^\w+$/.test(name));
  if (names.length === 0) return { env, giveBack: '' };
  const held: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const index = names.indexOf(name);
    held[index < 0 ? name : `SLIPWAY_HELD_${index}`] = value;
  }
  const giveBack = names
    .map((name, index) => `export ${name}="$SLIPWAY_HELD_${index}"; unset SLIPWAY_HELD_${index}`)
    .join('; ');
  return { env: held, giveBack };
}
