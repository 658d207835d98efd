/** Certificates for tests, and clients that look at what they are served. */
import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { CertificateSpec, TlsSpec } from '../../src/domain/router-spec.ts';

export type FixtureName = 'first' | 'renewed' | 'wildcard';

/** See test/fixtures/tls/make.sh. */
export function certificateFiles(name: FixtureName): CertificateSpec {
  const path = (end: string) => fileURLToPath(new URL(`../fixtures/tls/${name}.${end}`, import.meta.url));
  return { cert: path('crt'), key: path('key') };
}

export function tlsSpec(...names: readonly FixtureName[]): TlsSpec {
  return { certificates: names.map(certificateFiles), minVersion: '1.2' };
}

/** Takes any certificate. @throws where the handshake fails */
export async function secureClient(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const to = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true, ...options };
  const socket = connect(to as ConnectionOptions);
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** The code with which a handshake fails; '' where it doesn't. */
export async function handshakeError(port: number, options: ConnectionOptions = {}): Promise<string> {
  try {
    (await secureClient(port, options)).destroy();
    return '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

export function nameOf(socket: TLSSocket): string | string[] | undefined {
  return socket.getPeerCertificate().subject?.CN;
}

/** Which certificate is served. @param servername absent: none is asked for */
export async function servedName(port: number, servername?: string): Promise<string | string[] | undefined> {
  const socket = await secureClient(port, servername === undefined ? {} : { servername });
  const name = nameOf(socket);
  socket.destroy();
  return name;
}
