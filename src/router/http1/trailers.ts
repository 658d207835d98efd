/** The trailer section of a chunked body (RFC 9112, section 7.1.2): held until complete, and passed on with care. */
import { mayBeTrailer } from './field-names.ts';
import { Head, type HeadLimits, type KnownField, kept } from './head.ts';
import { octet } from './octets.ts';
import type { Rejection } from './rejection.ts';

export interface TrailerLimits extends HeadLimits {
  /** Bytes of a trailer section. */
  readonly maxTrailers: number;
}

export class TrailerSection {
  readonly #limits: TrailerLimits;
  /** Made when trailers come, which is seldom. */
  #fields: TrailerFields | undefined;
  #held: Buffer | undefined;
  #nominated: ReadonlySet<string> | undefined;
  done = false;
  /** The section is empty and was in one piece: it can be passed on as it came. */
  plain = false;
  /** What is to be passed on, once it is done and not `plain`. */
  text = '';

  constructor(limits: TrailerLimits) {
    this.#limits = limits;
  }

  /** @param nominated names that Connection tells to drop, in lower case */
  begin(nominated: ReadonlySet<string> | undefined): void {
    this.#fields = undefined;
    this.#held = undefined;
    this.#nominated = nominated;
    this.done = false;
    this.plain = false;
    this.text = '';
  }

  /** @returns how far it took from [start, end) */
  take(bytes: Buffer, start: number, end: number): number | Rejection {
    if (!this.#held && bytes[start] === octet.cr && end - start > 1) {
      if (bytes[start + 1] !== octet.lf) return 'line-ending';
      this.done = true;
      this.plain = true;
      return start + 2;
    }
    const before = this.#held?.length ?? 0;
    const most = this.#limits.maxTrailers - before;
    const piece = bytes.subarray(start, Math.min(end, start + most));
    const held = this.#held ? Buffer.concat([this.#held, piece]) : Buffer.from(piece);
    this.#held = held;
    this.#fields ??= new TrailerFields({ ...this.#limits, maxHead: this.#limits.maxTrailers });
    const fields = this.#fields;
    fields.refused = this.#nominated;
    const outcome = fields.scan(held, 0, held.length);
    if (outcome === 'more') return end;
    if (outcome === 'head-too-large' || outcome === 'too-many-fields') return 'trailers-too-large';
    if (outcome !== 'done') return outcome;
    this.done = true;
    this.text = kept(held, fields.dropped, 0, fields.end);
    return start + fields.end - before;
  }
}

class TrailerFields extends Head {
  refused: ReadonlySet<string> | undefined;

  protected override reset(): void {}

  protected override startLine(_bytes: Uint8Array, at: number): number {
    return at;
  }

  protected override startTooLong(): Rejection {
    return 'trailers-too-large';
  }

  protected override field(
    _bytes: Uint8Array,
    is: KnownField,
    nameStart: number,
    _nameEnd: number,
    _valueStart: number,
    _valueEnd: number,
    lineEnd: number,
  ): undefined {
    if (!mayBeTrailer(is)) this.dropped.add(nameStart, lineEnd);
  }

  protected override complete(): undefined {
    this.nominated = this.refused;
  }
}
