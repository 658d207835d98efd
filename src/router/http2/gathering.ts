/**
 * What came for a wire in one turn of the event loop, to be told as one: each write to the other side costs far more
 * than to copy what is written.
 *
 * - Whoever gathers is asked once in each turn, after all that can be read was read, for what is not told yet.
 */

/** Where the pieces are put together. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
const waiting: (() => void)[] = [];

export class Gathering {
  readonly #pieces: (string | Buffer)[] = [];
  readonly #ask: () => void;
  #length = 0;
  #isWaiting = false;

  /** @param due asks for it: {@link tell} may follow */
  constructor(due: () => void) {
    this.#ask = () => {
      this.#isWaiting = false;
      due();
    };
  }

  /** @param piece is not copied yet; text is latin1 */
  add(piece: string | Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** To be asked in this turn, if there is anything to tell. */
  wait(): void {
    if (this.#isWaiting || this.#length === 0) return;
    this.#isWaiting = true;
    if (waiting.push(this.#ask) === 1) setImmediate(askAll);
  }

  /** @param take is told of all there is, if there is anything: the first `length` octets, valid until it returns */
  tell(take: (octets: Buffer, length: number) => void): void {
    const pieces = this.#pieces;
    const length = this.#length;
    if (length === 0) return;
    const [only] = pieces;
    const octets = pieces.length === 1 && typeof only === 'object' ? only : joined(pieces, length);
    this.drop();
    take(octets, length);
  }

  drop(): void {
    this.#pieces.length = 0;
    this.#length = 0;
  }
}

function askAll(): void {
  for (const ask of waiting.splice(0)) ask();
}

function joined(pieces: readonly (string | Buffer)[], length: number): Buffer {
  const octets = length <= scratch.length ? scratch : Buffer.allocUnsafe(length);
  let at = 0;
  for (const piece of pieces) {
    at += typeof piece === 'string' ? octets.write(piece, at, 'latin1') : piece.copy(octets, at);
  }
  return octets;
}
