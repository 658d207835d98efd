/** Request bodies: JSON within a limit, or an upload that is handed on as it comes. */
import type { IncomingMessage } from 'node:http';
import { SlipwayError } from '../domain/errors.ts';
import type { Upload } from './contract.ts';

/** Bytes. Far more than any valid request has. */
const jsonLimit = 1024 * 1024;

/**
 * An absent body counts as `{}`.
 * @throws SlipwayError SLIP_MEDIA_TYPE, SLIP_REQUEST_TOO_LARGE, SLIP_REQUEST_INVALID
 */
export async function readBody(
  request: IncomingMessage,
  takesUpload: boolean,
): Promise<{ readonly kind: 'json'; readonly value: unknown } | Upload> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('an encoded body', takesUpload);
  if (takesUpload && type === 'application/octet-stream') return { kind: 'upload', stream: request };

  const bytes = await collect(request);
  if (bytes.length === 0) return { kind: 'json', value: {} };
  if (type !== 'application/json')
    throw unsupported(type === undefined ? 'a body without a type' : 'this type', takesUpload);
  return { kind: 'json', value: parseJson(bytes) };
}

function unsupported(what: string, takesUpload: boolean): SlipwayError {
  const expected = takesUpload ? 'application/json or application/octet-stream' : 'application/json';
  return new SlipwayError('SLIP_MEDIA_TYPE', `cannot take ${what}: expected ${expected}`);
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > jsonLimit) {
      throw new SlipwayError('SLIP_REQUEST_TOO_LARGE', `cannot take a JSON body of more than ${jsonLimit} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot read the body: expected JSON in UTF-8');
  }
}
