/** Why a message is not passed on: each reason with the status that answers such a request, and words for people. */

const rejections = {
  'line-ending': [400, 'a line does not end in CR LF'],
  'method-invalid': [400, 'the method is not a token'],
  'method-unsupported': [501, 'CONNECT is not supported'],
  'target-invalid': [400, 'the target is neither a path nor an http or https URL'],
  'target-too-long': [414, 'the target is too long'],
  'version-invalid': [400, 'the HTTP version is not readable'],
  'version-unsupported': [505, 'only HTTP/1.0 and HTTP/1.1 are spoken here'],
  'status-invalid': [400, 'the status line is not valid'],
  'head-too-large': [431, 'the head is too large'],
  'too-many-fields': [431, 'the head has too many fields'],
  'field-name-invalid': [400, 'the name of a field is not a token'],
  'field-name-space': [400, 'there is whitespace between the name of a field and the colon'],
  'field-folded': [400, 'a field goes on over a second line'],
  'field-value-invalid': [400, 'the value of a field has a control character'],
  'host-missing': [400, 'there is no Host'],
  'host-repeated': [400, 'there is more than one Host'],
  'host-invalid': [400, 'the host is not a valid one'],
  'length-invalid': [400, 'Content-Length is not one decimal number'],
  'length-repeated': [400, 'there is more than one Content-Length'],
  'length-and-coding': [400, 'there are both Content-Length and Transfer-Encoding'],
  'coding-repeated': [400, 'there is more than one Transfer-Encoding'],
  'coding-version': [400, 'there is a Transfer-Encoding in HTTP/1.0'],
  'coding-endless': [400, 'the last transfer coding is not chunked'],
  'coding-unsupported': [501, 'no transfer coding but chunked is supported'],
  'chunk-size-invalid': [400, 'the size of a chunk is not valid'],
  'chunk-extension-invalid': [400, 'a chunk extension is not valid or too long'],
  'chunk-end-invalid': [400, 'a chunk is longer than its size says'],
  'trailers-too-large': [431, 'the trailers are too large'],
  'body-too-large': [413, 'the body is too large'],
  'head-late': [408, 'the head did not come in time'],
  'body-late': [408, 'the body did not come in time'],
} as const satisfies Record<string, readonly [status: number, detail: string]>;

export type Rejection = keyof typeof rejections;
export type RejectionStatus = (typeof rejections)[Rejection][0];

export const allRejections = Object.keys(rejections) as readonly Rejection[];

export function statusOf(rejection: Rejection): RejectionStatus {
  return rejections[rejection][0];
}

export function detailOf(rejection: Rejection): string {
  return rejections[rejection][1];
}
