/**
 * The memory that sockets read into. A slab has room before where reads land, so that a head that grew on its way can
 * be written in front of a body that stays where it is.
 */

export const headroom = 1024;
const sizes = { small: 16 * 1024, large: 64 * 1024 } as const;
const mostSpare = 64;

export class Slab {
  readonly bytes: Buffer;
  /** Where reads land. */
  readonly room: Buffer;
  readonly isLarge: boolean;

  constructor(isLarge: boolean) {
    this.bytes = Buffer.allocUnsafeSlow(headroom + (isLarge ? sizes.large : sizes.small));
    this.room = this.bytes.subarray(headroom);
    this.isLarge = isLarge;
  }
}

const spare = { small: [] as Slab[], large: [] as Slab[] };

export function takeSlab(isLarge: boolean): Slab {
  return (isLarge ? spare.large : spare.small).pop() ?? new Slab(isLarge);
}

/** Nothing may read from it or write to it any more. */
export function giveBack(slab: Slab): void {
  const list = slab.isLarge ? spare.large : spare.small;
  if (list.length < mostSpare) list.push(slab);
}
