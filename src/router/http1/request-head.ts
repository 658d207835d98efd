/** The head of a request: what it asks for, how its body is framed, and what of it is not passed on. */
import { ConnectionOptions } from './connection-options.ts';
import { field } from './field-names.ts';
import { Framing } from './framing.ts';
import { Head, isCanonical, isSame, isWord, type KnownField, latin1 } from './head.ts';
import { isAuthority, normalHost } from './host.ts';
import { isDigit, isTarget, isToken, octet } from './octets.ts';
import { Ranges } from './ranges.ts';
import type { Rejection } from './rejection.ts';
import { isTraceparent } from './trace-context.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'].map(name => Buffer.from(name));
const methodNames = methods.map(String);
const longestRequestId = 128;
const usualVersion = Buffer.from('HTTP/1.1\r\n');
const absolute = /^https?:\/\/([^/?]*)(.*)$/i;

export class RequestHead extends Head {
  method = '';
  /** In origin form or `*`: path and query. */
  path = '';
  /** The authority that it is for, as it came: of an absolute target, else of Host. */
  host = '';
  /** The name in it as {@link normalHost} gives it. */
  hostName = '';
  /** 0 or 1, of HTTP/1.x. */
  minor = 1;
  readonly framing = new Framing();
  readonly options = new ConnectionOptions();
  expectsContinue = false;
  /** Accepts trailers, and says so to this hop. */
  acceptsTrailers = false;
  /** What the client would like to switch to; only where Connection says so too. */
  upgrade = '';
  /** -1 for none, -2 for one that isn't a number. */
  maxForwards = -1;
  /** That came, if it is one that can be believed. */
  requestId = '';
  /** That came, if it is one that is valid; then it is passed on, else not. */
  traceparent = '';
  /** Whether the start line can be passed on as it is. */
  plainStart = true;
  /** Where the start line begins; empty lines before it are skipped (RFC 9112, section 2.2). */
  lineStart = 0;
  #hostStart = -1;
  #hostEnd = -1;
  #hostCanonical = false;
  #authority: string | undefined;
  #requestIds = 0;
  /** The last valid Host: on one connection it is nearly always the same. */
  #lastHost = '';
  #lastHostName = '';
  #traceparents = 0;
  /** All Traceparent and Tracestate fields. */
  readonly #traceFields = new Ranges();

  /** Whether Host has to be written anew. */
  get rewritesHost(): boolean {
    return !this.#hostCanonical;
  }

  protected override reset(): void {
    this.minor = 1;
    this.framing.reset();
    this.options.reset();
    this.expectsContinue = false;
    this.acceptsTrailers = false;
    this.upgrade = '';
    this.maxForwards = -1;
    this.requestId = '';
    this.#requestIds = 0;
    this.traceparent = '';
    this.#traceparents = 0;
    this.#traceFields.clear();
    this.#hostStart = -1;
    this.#hostCanonical = false;
    this.#authority = undefined;
  }

  protected override startTooLong(): Rejection {
    return 'target-too-long';
  }

  protected override startLine(bytes: Uint8Array, from: number, limit: number): number | Rejection {
    let at = from;
    while (at < limit && bytes[at] === octet.cr) {
      if (at + 1 === limit) return -1;
      if (bytes[at + 1] !== octet.lf) return 'line-ending';
      at += 2;
    }
    this.lineStart = at;
    while (at < limit && isToken[bytes[at] as number] === 1) at++;
    if (at === limit) return -1;
    if (bytes[at] !== octet.space || at === this.lineStart) return 'method-invalid';
    const methodEnd = at++;
    const targetStart = at;
    while (at < limit && isTarget[bytes[at] as number] === 1) at++;
    if (at - targetStart > this.limits.maxTarget) return 'target-too-long';
    if (at === limit) return -1;
    if (bytes[at] !== octet.space || at === targetStart) return 'target-invalid';
    const targetEnd = at++;
    const version = this.#version(bytes, at, limit);
    if (version !== undefined) return version;
    this.method = methodAt(bytes, this.lineStart, methodEnd);
    return this.#target(bytes, targetStart, targetEnd) ?? at + 10;
  }

  #version(bytes: Uint8Array, at: number, limit: number): -1 | Rejection | undefined {
    if (limit - at >= usualVersion.length && isAt(bytes, at, usualVersion)) {
      this.minor = 1;
      this.plainStart = true;
      return undefined;
    }
    const expected = 'HTTP/1.';
    for (let index = 0; index < 10; index++) {
      if (at + index === limit) return -1;
      const code = bytes[at + index] as number;
      const fits =
        index < 5
          ? code === expected.charCodeAt(index)
          : index === 6
            ? code === 46
            : index === 5 || index === 7
              ? isDigit[code] === 1
              : code === (index === 8 ? octet.cr : octet.lf);
      if (!fits) return index < 8 ? 'version-invalid' : 'line-ending';
    }
    if (bytes[at + 5] !== 49) return 'version-unsupported';
    this.minor = bytes[at + 7] === 48 ? 0 : 1;
    this.plainStart = bytes[at + 7] === 49;
    return undefined;
  }

  /** RFC 9112, section 3.2. */
  #target(bytes: Uint8Array, start: number, end: number): Rejection | undefined {
    if (this.method === 'CONNECT') return 'method-unsupported';
    const target = latin1(bytes, start, end);
    this.path = target;
    if (bytes[start] === 47 /* / */) return undefined;
    if (target === '*') return this.method === 'OPTIONS' ? undefined : 'target-invalid';
    const parts = absolute.exec(target);
    if (!parts) return 'target-invalid';
    const [, authority = '', rest = ''] = parts;
    if (authority === '') return 'host-invalid';
    this.#authority = authority;
    this.path = rest.startsWith('/') ? rest : rest === '' && this.method === 'OPTIONS' ? '*' : `/${rest}`;
    this.plainStart = false;
    return undefined;
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
      case field.date:
      case field.trailer:
      case field.contentType:
        return undefined;
      case field.host:
        if (this.#hostStart >= 0) return 'host-repeated';
        this.#hostStart = valueStart;
        this.#hostEnd = valueEnd;
        this.#hostCanonical = isCanonical(bytes, nameEnd, valueStart, valueEnd, lineEnd);
        if (!this.#hostCanonical || this.#authority !== undefined) break;
        return undefined;
      case field.contentLength: {
        const canonical = isCanonical(bytes, nameEnd, valueStart, valueEnd, lineEnd);
        const rejection = this.framing.readLength(bytes, valueStart, valueEnd, canonical);
        if (rejection || this.framing.plainLength) return rejection;
        break;
      }
      case field.transferEncoding: {
        const rejection = this.framing.readCoding(bytes, valueStart, valueEnd);
        if (rejection) return rejection;
        break;
      }
      case field.connection:
        this.options.read(bytes, valueStart, valueEnd);
        break;
      case field.upgrade:
        this.upgrade += (this.upgrade && ', ') + latin1(bytes, valueStart, valueEnd);
        break;
      case field.te:
        if (/(?:^|,)\s*trailers\s*(?:,|$)/i.test(latin1(bytes, valueStart, valueEnd))) this.acceptsTrailers = true;
        break;
      case field.expect:
        if (isWord(bytes, valueStart, valueEnd, '100-continue')) this.expectsContinue = true;
        // HTTP/1.0 doesn't know it (RFC 9110, section 10.1.1).
        if (this.minor === 1) return undefined;
        break;
      case field.maxForwards: {
        const value = latin1(bytes, valueStart, valueEnd);
        this.maxForwards = this.maxForwards === -1 && /^\d{1,9}$/.test(value) ? Number(value) : -2;
        // It is for these two methods only (RFC 9110, section 7.6.2).
        if (this.method !== 'OPTIONS' && this.method !== 'TRACE') return undefined;
        break;
      }
      case field.requestId:
        this.#requestIds++;
        if (valueEnd - valueStart <= longestRequestId) this.requestId = latin1(bytes, valueStart, valueEnd);
        break;
      case field.traceparent:
        this.#traceparents++;
        this.traceparent = latin1(bytes, valueStart, valueEnd);
        this.#traceFields.add(nameStart, lineEnd);
        return undefined;
      case field.tracestate:
        this.#traceFields.add(nameStart, lineEnd);
        return undefined;
      case field.hop:
      case field.keepAlive:
      case field.origin:
        break;
      default:
        is satisfies never;
    }
    this.dropped.add(nameStart, lineEnd);
    return undefined;
  }

  protected override complete(bytes: Uint8Array): Rejection | undefined {
    if (this.#hostStart < 0 && this.minor === 1) return 'host-missing';
    if (!this.#validHost(bytes)) return 'host-invalid';
    const { options, framing } = this;
    this.nominated = options.nominated;
    // An upgrade is ignored in HTTP/1.0, and where Connection doesn't name it (RFC 9110, section 7.8).
    if (!options.upgrade || this.minor === 0) this.upgrade = '';
    if (!options.te) this.acceptsTrailers = false;
    if (this.minor === 0) this.expectsContinue = false;
    if (this.#requestIds !== 1 || !/^[\w.:+/=@-]+$/.test(this.requestId)) this.requestId = '';
    if (!this.#traceFields.isEmpty) this.#judgeTrace();
    return framing.judge(this.minor);
  }

  /** What says no trace, or more than one, is not passed on, nor is what came with it (W3C Trace Context, section 4.3). */
  #judgeTrace(): void {
    if (this.#traceparents === 1 && isTraceparent(this.traceparent)) return;
    this.traceparent = '';
    this.dropped.merge(this.#traceFields);
  }

  #validHost(bytes: Uint8Array): boolean {
    const authority = this.#authority;
    if (this.#hostStart < 0 || authority !== undefined) this.#hostCanonical = false;
    if (this.#hostStart >= 0 && !isSame(bytes, this.#hostStart, this.#hostEnd, this.#lastHost)) {
      if (!isAuthority(bytes, this.#hostStart, this.#hostEnd)) return false;
      this.#lastHost = latin1(bytes, this.#hostStart, this.#hostEnd);
      this.#lastHostName = normalHost(this.#lastHost);
    }
    if (authority === undefined && this.#hostStart >= 0) {
      this.host = this.#lastHost;
      this.hostName = this.#lastHostName;
      return true;
    }
    this.host = authority ?? '';
    this.hostName = normalHost(this.host);
    const text = Buffer.from(this.host, 'latin1');
    return isAuthority(text, 0, text.length);
  }
}

function methodAt(bytes: Uint8Array, start: number, end: number): string {
  for (let index = 0; index < methods.length; index++) {
    const method = methods[index] as Buffer;
    if (method.length === end - start && isAt(bytes, start, method)) return methodNames[index] as string;
  }
  return latin1(bytes, start, end);
}

/** They must all have come. */
function isAt(bytes: Uint8Array, start: number, octets: Uint8Array): boolean {
  for (let index = 0; index < octets.length; index++) if (bytes[start + index] !== octets[index]) return false;
  return true;
}
