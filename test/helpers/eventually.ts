/** How many times as long as usual to wait where all is slow, as in an emulated machine. */
export const patience = Number(process.env['SLIPWAY_TEST_PATIENCE'] ?? 1);

/**
 * Waits until `probe` gives something other than `undefined` or `false`, asking again every few milliseconds. The
 * limit is no assertion about speed, only an end to a hung test.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limit = 30_000,
): Promise<T> {
  const end = performance.now() + limit * patience;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`waited ${limit * patience} ms in vain for: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
