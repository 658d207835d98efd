/** The head of a response as a client gets it. */
import { kept } from './head.ts';
import type { ResponseHead } from './response-head.ts';

export interface ResponseFacts {
  readonly requestId: string;
  /** For the one who reads it: whether the connection goes on after it, where that isn't what its version implies. */
  readonly connection: 'close' | 'keep-alive' | undefined;
  /** Whether the body goes on in chunks. */
  readonly chunked: boolean;
  /** For a response that has none (RFC 9110, section 6.6.1). */
  readonly date: string;
}

export function forwardedResponse(bytes: Buffer, head: ResponseHead, facts: ResponseFacts): string {
  const { framing, status } = head;
  let text = startAndFields(bytes, head, !facts.chunked, status === 204 || status === 101);
  if (facts.chunked) text += 'Transfer-Encoding: chunked\r\n';
  else if (framing.length >= 0 && !framing.plainLength && status !== 204) {
    text += `Content-Length: ${framing.length}\r\n`;
  }
  // 426 must tell what is required (RFC 9110, section 15.5.22).
  if (status === 101 || (status === 426 && head.upgrade !== '')) {
    text += `Connection: Upgrade\r\n${head.upgrade && `Upgrade: ${head.upgrade}\r\n`}`;
  }
  if (facts.connection) text += `Connection: ${facts.connection}\r\n`;
  if (!head.hasDate) text += `Date: ${facts.date}\r\n`;
  return `${text}X-Request-Id: ${facts.requestId}\r\n\r\n`;
}

/** A response before the last one, such as 100 or 103. */
export function forwardedInformation(bytes: Buffer, head: ResponseHead): string {
  return `${startAndFields(bytes, head, true, true)}\r\n`;
}

/** Trailers can come with chunks only; and some responses must not say a length (RFC 9110, section 8.6). */
function startAndFields(bytes: Buffer, head: ResponseHead, withoutTrailer: boolean, withoutLength: boolean): string {
  let { dropped } = head;
  if (withoutTrailer && !head.trailerFields.isEmpty) dropped = dropped.with(head.trailerFields);
  if (withoutLength && !head.lengthField.isEmpty) dropped = dropped.with(head.lengthField);
  const last = head.end - 2;
  if (head.plainStart) return kept(bytes, dropped, head.start, last);
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${kept(bytes, dropped, head.fieldsStart, last)}`;
}
