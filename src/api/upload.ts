/** Taking an uploaded package in, against the digest that the user gave for it. */
import { createHash } from 'node:crypto';
import { SlipwayError } from '../domain/errors.ts';
import type { UnpackLimits } from '../domain/spec.ts';
import type { ReleaseStore, Upload } from '../packages/contract.ts';

/** @throws SlipwayError SLIP_PACKAGE_DIGEST and those of `receive`; nothing is kept then */
export async function receiveUpload(
  store: Pick<ReleaseStore, 'receive'>,
  filename: string,
  body: AsyncIterable<Uint8Array>,
  sha256: string | undefined,
  limits: UnpackLimits,
): Promise<Upload> {
  if (sha256 === undefined) return store.receive(filename, body, limits);
  const hash = createHash('sha256');
  const upload = await store.receive(filename, hashing(body, hash), limits);
  const digest = hash.digest('hex');
  if (digest === sha256) return upload;
  await upload.discard();
  throw new SlipwayError('SLIP_PACKAGE_DIGEST', `cannot take ${filename}: its bytes are not those asked for`, {
    details: [`expected sha256 ${sha256}`, `got sha256 ${digest}`],
  });
}

async function* hashing(
  body: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}
