/**
 * What the policy of its route makes of the request under way: whether it gets any further, and what is changed in what
 * passes. Most routes have none, and then it costs a look at that.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import { fieldValue } from '../http1/field-value.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { Answer, Asked, NoAnswer } from '../policy/answer.ts';
import { acceptedCoding, type Coding, type Compressed, codingEdits, isCompressible } from '../policy/coding.ts';
import { edited } from '../policy/header-rules.ts';
import { bucketKey } from '../policy/rate-limit.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';

export class Policing {
  #policy: RoutePolicy | undefined;
  /** That the client would like the response to have. */
  #accepted: Coding | undefined;
  /** Of the response, where it may be compressed. */
  #described: Compressed | undefined;
  /** When it must be over. */
  deadline: Milliseconds = Number.POSITIVE_INFINITY;

  begin(policy: RoutePolicy | undefined, head: RequestHead, bytes: Buffer, now: Milliseconds): void {
    this.#policy = policy;
    this.deadline = policy?.timeout === undefined ? Number.POSITIVE_INFINITY : now + policy.timeout;
    if (!policy) return;
    this.#described = undefined;
    // A client of HTTP/1.0 knows no chunks.
    const codes = policy.compresses && head.minor > 0;
    this.#accepted = codes ? acceptedCoding(fieldValue(bytes, head, 'accept-encoding')) : undefined;
  }

  /** How long until the client may ask, or 0: now, which then counts. */
  wait(head: RequestHead, bytes: Buffer, address: string, now: Milliseconds): Milliseconds {
    const rate = this.#policy?.rate;
    if (!rate) return 0;
    const value = rate.header === undefined ? undefined : fieldValue(bytes, head, rate.header);
    return rate.limiter.take(bucketKey(address, value), now);
  }

  /**
   * In place of an instance's answer; `undefined`: it goes to an instance.
   * @param fields whole lines that each response has
   */
  answer(
    head: RequestHead,
    bytes: Buffer,
    scheme: 'http' | 'https',
    now: Milliseconds,
    fields: () => string,
  ): Answer | NoAnswer | undefined {
    const answerer = this.#policy?.answerer;
    if (!answerer) return undefined;
    const asked: Asked = {
      method: head.method,
      scheme,
      host: head.hostName,
      uri: head.path,
      knownTags: fieldValue(bytes, head, 'if-none-match'),
    };
    const answer = answerer(asked, now, fields());
    return typeof answer === 'string' ? answer : { ...answer, head: this.#changed(answer.head) };
  }

  /** @param text the head of the request, as it would go to the instance */
  request(text: string): string {
    const edits = this.#policy?.request;
    return edits ? edited(text, edits) : text;
  }

  /** What the response is to be compressed with, if it is. */
  coding(head: ResponseHead, bytes: Buffer): Coding | undefined {
    if (!this.#policy?.compresses) return undefined;
    const described = describe(head, bytes);
    this.#described = head.status === 304 || isCompressible(described) ? described : undefined;
    return this.#described && this.#accepted;
  }

  /** @param text the head of the response, as it would go to the client @param coding that its content gets */
  response(text: string, coding: Coding | undefined): string {
    if (!this.#policy) return text;
    return this.#changed(this.#described ? edited(text, codingEdits(this.#described, coding)) : text);
  }

  #changed(text: string): string {
    const edits = this.#policy?.response;
    return edits ? edited(text, edits) : text;
  }
}

function describe(head: ResponseHead, bytes: Buffer): Compressed {
  return {
    status: head.status,
    length: head.framing.length,
    type: fieldValue(bytes, head, 'content-type'),
    encoding: fieldValue(bytes, head, 'content-encoding'),
    cacheControl: fieldValue(bytes, head, 'cache-control'),
    vary: fieldValue(bytes, head, 'vary'),
    tag: fieldValue(bytes, head, 'etag'),
  };
}
