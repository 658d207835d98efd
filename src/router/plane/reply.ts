/** A response on its way to the client: its body as it comes, or framed anew where the client needs that. */
import type { Body } from '../http1/body.ts';
import { write } from './message.ts';
import type { Wire } from './wire.ts';

/**
 * `raw`: as it comes. `chunks`: its end is the connection's, so it is put into chunks. `content`: it comes in chunks,
 * and the client knows none.
 */
type Passing = 'raw' | 'chunks' | 'content';

export class Reply {
  readonly #wire: Wire;
  #passing: Passing = 'raw';
  #content = '';
  /** Whether its end can be told without the end of the connection. */
  isDelimited = true;
  /** Whether the client gets chunks. */
  isChunked = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** @param minor of the client's HTTP version */
  begin(body: Body, minor: number): void {
    this.#passing = 'raw';
    if (body.kind === 'eof' && minor > 0) this.#passing = 'chunks';
    if (body.kind === 'chunked' && minor === 0) this.#passing = 'content';
    this.isDelimited = this.#passing !== 'content' && (body.kind !== 'eof' || minor > 0);
    this.isChunked = minor > 0 && (body.kind === 'chunked' || body.kind === 'eof');
  }

  /** Counts off what of the octets is the body's. @returns where that ends */
  take(body: Body, bytes: Buffer, start: number, end: number): number {
    if (this.#passing !== 'content') return body.take(bytes, start, end);
    this.#content = '';
    return body.take(bytes, start, end, this.#collect);
  }

  /** @param head what goes before; the rest is what was taken last, from `start` on */
  send(head: string, body: Body, bytes: Buffer, start: number): void {
    if (this.#passing === 'content') {
      if (head !== '' || this.#content !== '') this.#wire.write(head + this.#content);
      return;
    }
    const end = body.passEnd;
    if (this.#passing === 'raw') write(this.#wire, head, bytes, start, end, body.done ? body.tail : '');
    else if (start < end) write(this.#wire, `${head}${(end - start).toString(16)}\r\n`, bytes, start, end, '\r\n');
    else if (head !== '') this.#wire.write(head);
  }

  /** The body is complete. */
  end(): void {
    if (this.#passing === 'chunks') this.#wire.write('0\r\n\r\n');
  }

  readonly #collect = (bytes: Buffer, start: number, end: number): void => {
    this.#content += bytes.toString('latin1', start, end);
  };
}
