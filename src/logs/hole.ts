/** Finds the end of a hole by reading, since Node has no `lseek(SEEK_DATA)`. */

const page = 4096;

/**
 * @param read fills the buffer from the offset and tells how many bytes there were
 * @returns `start` where data begins there; else the offset of the first byte after a prefix of NUL bytes
 */
export async function holeEnd(
  start: number,
  size: number,
  read: (buffer: Buffer, at: number) => Promise<number>,
): Promise<number> {
  const buffer = Buffer.alloc(page);
  /** Offset of the first byte in the page that isn't NUL. */
  const dataIn = async (at: number): Promise<number | undefined> => {
    const length = await read(buffer, at);
    const found = buffer.subarray(0, length).findIndex(byte => byte !== 0);
    return found === -1 ? undefined : at + found;
  };
  if (size - start <= page || (await dataIn(start)) !== undefined) return start;
  // Invariant: the page at `empty` is all NUL, the one at `full` is not (or lies at the end).
  let empty = 0;
  let full = Math.ceil((size - start) / page);
  while (full - empty > 1) {
    const middle = Math.floor((empty + full) / 2);
    if ((await dataIn(start + middle * page)) === undefined) empty = middle;
    else full = middle;
  }
  return (await dataIn(start + full * page)) ?? size;
}
