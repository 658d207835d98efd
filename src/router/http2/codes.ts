/** Numbers of RFC 9113: why streams and connections end (section 7), and the flag of a frame that ends a stream (6.1). */
export const errorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export const endStream = 0x1;

const names = new Map<number, string>(Object.entries(errorCode).map(([name, code]) => [code, name]));

export function errorName(code: number): string {
  return names.get(code) ?? String(code);
}
