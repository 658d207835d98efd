/** How a router is started. */

/**
 * Nearly all that a router allocates is garbage after a request. V8 would let it grow to three times 16 MB before it
 * looks (`node --help`); in 2 MB, scavenges are more, each of them as short, and the memory is the host's instead. In
 * less, as V8 would begin with, they find too much that is still in use. And one thread beside the worker's own does
 * what V8 has to do there, where Node would keep four.
 */
const flags = ['--min-semi-space-size=2', '--max-semi-space-size=2', '--v8-pool-size=1'];

/** @param program what Slipway is: flags of Node that go before all, and its main module */
export function routerCommand(...program: readonly string[]): readonly string[] {
  return [process.execPath, ...flags, ...program, 'router'];
}
