/** The head of a response: what it says about itself, and what of it is not passed on. */
import { ConnectionOptions } from './connection-options.ts';
import { field } from './field-names.ts';
import { Framing } from './framing.ts';
import { Head, isCanonical, type KnownField, latin1 } from './head.ts';
import { isDigit, octet, textEnd } from './octets.ts';
import { Ranges } from './ranges.ts';
import type { Rejection } from './rejection.ts';

export class ResponseHead extends Head {
  status = 0;
  /** 0 or 1, of HTTP/1.x. */
  minor = 1;
  readonly framing = new Framing();
  readonly options = new ConnectionOptions();
  hasDate = false;
  upgrade = '';
  /** Seconds for which the instance keeps an unused connection, where it says so; else -1. */
  keptFor = -1;
  /** Whether the start line can be passed on as it is. */
  plainStart = true;
  reason = '';
  /** The Trailer fields: they are for a response in chunks only. */
  readonly trailerFields = new Ranges();
  /** The line that says the length, where it isn't dropped: some responses must not have it. */
  readonly lengthField = new Ranges();

  /** 1xx, but for a switch of protocols. */
  get isInformational(): boolean {
    return this.status < 200 && this.status !== 101;
  }

  protected override reset(): void {
    this.framing.reset();
    this.options.reset();
    this.hasDate = false;
    this.upgrade = '';
    this.keptFor = -1;
    this.trailerFields.clear();
    this.lengthField.clear();
  }

  protected override startTooLong(): Rejection {
    return 'head-too-large';
  }

  protected override removesSpace(): boolean {
    return true; // RFC 9112, section 5.1.
  }

  /** RFC 9112, section 4. Many servers leave out the space before an empty reason. */
  protected override startLine(bytes: Uint8Array, from: number, limit: number): number | Rejection {
    const expected = 'HTTP/1.';
    for (let index = 0; index < 12; index++) {
      const at = from + index;
      if (at === limit) return -1;
      const code = bytes[at] as number;
      const fits =
        index < 7 ? code === expected.charCodeAt(index) : index === 8 ? code === octet.space : isDigit[code] === 1;
      if (!fits) return 'status-invalid';
    }
    const digit = (index: number) => (bytes[from + index] as number) - 48;
    this.minor = digit(7) === 0 ? 0 : 1;
    this.status = digit(9) * 100 + digit(10) * 10 + digit(11);
    if (this.status < 100) return 'status-invalid';
    let at = from + 12;
    if (at === limit) return -1;
    const spaced = bytes[at] === octet.space;
    if (!spaced && bytes[at] !== octet.cr) return 'status-invalid';
    if (spaced) at++;
    const reasonStart = at;
    at = textEnd(bytes, at, limit);
    if (at === limit) return -1;
    if (bytes[at] !== octet.cr) return bytes[at] === octet.lf ? 'line-ending' : 'status-invalid';
    if (at + 1 === limit) return -1;
    if (bytes[at + 1] !== octet.lf) return 'line-ending';
    this.plainStart = spaced && bytes[from + 7] === 49;
    if (!this.plainStart) this.reason = latin1(bytes, reasonStart, at);
    return at + 2;
  }

  protected override field(
    bytes: Uint8Array,
    is: KnownField,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    lineEnd: number,
  ): Rejection | undefined {
    switch (is) {
      case field.host:
      case field.expect:
      case field.maxForwards:
      case field.origin:
      case field.contentType:
      case field.traceparent:
      case field.tracestate:
        return undefined;
      case field.date:
        this.hasDate = true;
        return undefined;
      case field.trailer:
        this.trailerFields.add(nameStart, lineEnd);
        return undefined;
      case field.contentLength: {
        const canonical = isCanonical(bytes, nameEnd, valueStart, valueEnd, lineEnd);
        const rejection = this.framing.readLength(bytes, valueStart, valueEnd, canonical);
        if (rejection) return rejection;
        if (!this.framing.plainLength) break;
        this.lengthField.add(nameStart, lineEnd);
        return undefined;
      }
      case field.transferEncoding: {
        const rejection = this.framing.readCoding(bytes, valueStart, valueEnd);
        if (rejection) return rejection;
        break;
      }
      case field.connection:
        this.options.read(bytes, valueStart, valueEnd);
        break;
      case field.keepAlive: {
        const seconds = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,6})/i.exec(latin1(bytes, valueStart, valueEnd))?.[1];
        if (seconds !== undefined) this.keptFor = Number(seconds);
        break;
      }
      case field.upgrade:
        this.upgrade += (this.upgrade && ', ') + latin1(bytes, valueStart, valueEnd);
        break;
      case field.hop:
      case field.te:
      case field.requestId:
        break;
      default:
        is satisfies never;
    }
    this.dropped.add(nameStart, lineEnd);
    return undefined;
  }

  protected override complete(): Rejection | undefined {
    this.nominated = this.options.nominated;
    // Framing fields mean nothing where there can be no body (RFC 9112, section 6.3).
    if (this.status < 200 || this.status === 204 || this.status === 304) return undefined;
    return this.framing.judge(this.minor);
  }
}
