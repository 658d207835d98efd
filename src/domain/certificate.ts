/** Certificates as a server presents them: the text of two PEM files, looked at before they are used. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

export interface Certificate {
  /** DNS names that it is for, in lower case: exact ones and `*.suffix`. Its subject's common name counts for nothing (RFC 9525). */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * @param cert the certificate, then those that vouch for it
 * @throws Error where it can't be served; its message begins with what is wrong
 */
export function readCertificate(cert: string, key: string): Certificate {
  const certificate = attempt('there is no PEM certificate in it', () => new X509Certificate(cert));
  const privateKey = attempt('the key file holds no PEM private key without a passphrase', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('the key is not the one of the certificate');
  attempt('TLS can’t be spoken with it', () => createSecureContext({ cert, key }));
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap(name => (name.startsWith('DNS:') ? [name.slice(4).toLowerCase()] : []));
  return { names, expiresAt: Date.parse(certificate.validTo) };
}

function attempt<T>(problem: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`${problem} (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  }
}

/** The first of those whose names fit a server's name as a client asks for it; a `*` stands for one label (RFC 9525, section 6.3). */
export class CertificateNames {
  readonly #exact = new Map<string, number>();
  /** By what follows the `*.`. */
  readonly #wildcard = new Map<string, number>();

  constructor(certificates: readonly { readonly names: readonly string[] }[]) {
    for (const [index, { names }] of certificates.entries()) {
      for (const name of names) {
        const [map, key] = name.startsWith('*.') ? [this.#wildcard, name.slice(2)] : [this.#exact, name];
        if (!map.has(key)) map.set(key, index);
      }
    }
  }

  /** -1 where none fits. */
  find(serverName: string): number {
    const name = serverName.toLowerCase();
    const dot = name.indexOf('.');
    const exact = this.#exact.get(name) ?? -1;
    const wildcard = (dot > 0 ? this.#wildcard.get(name.slice(dot + 1)) : undefined) ?? -1;
    if (exact < 0 || wildcard < 0) return Math.max(exact, wildcard);
    return Math.min(exact, wildcard);
  }
}
