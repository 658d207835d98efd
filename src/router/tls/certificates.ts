/**
 * The certificates that are served, kept as their files are.
 *
 * - A file that can't be served changes nothing: the certificate that was served before stays, and the log tells why.
 * - A change is taken once it was the same at two looks, so that a file is not met half written, nor a certificate
 *   without its key.
 */
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type Certificate, CertificateNames, readCertificate } from '../../domain/certificate.ts';
import type { CertificateSpec } from '../../domain/router-spec.ts';
import type { Log } from '../log.ts';

interface Pem {
  readonly cert: string;
  readonly key: string;
}

interface Served extends Certificate {
  readonly spec: CertificateSpec;
  readonly pem: Pem;
  readonly context: SecureContext;
}

/** Of secure contexts: what is not a certificate's own. */
export type CommonOptions = Omit<NonNullable<Parameters<typeof createSecureContext>[0]>, keyof Pem>;

export class Certificates {
  readonly #log: Log;
  readonly #specs: readonly CertificateSpec[];
  readonly #common: CommonOptions;
  #served: readonly Served[] = [];
  #names = new CertificateNames([]);
  /** What the files were like when they were read, and at the last look. */
  #readAt = '';
  #seen = '';

  /** Reads the files at once. @param before serves on what can't be read now */
  constructor(specs: readonly CertificateSpec[], common: CommonOptions, log: Log, before?: Certificates) {
    this.#log = log;
    this.#specs = specs;
    this.#common = common;
    this.#seen = this.#marks();
    this.#readAt = this.#seen;
    this.#read(before ? before.#served : []);
  }

  get count(): number {
    return this.#served.length;
  }

  /** For a client that names no server. */
  get first(): Pem | undefined {
    return this.#served[0]?.pem;
  }

  contextFor(serverName: string): SecureContext | undefined {
    return this.#served[Math.max(this.#names.find(serverName), 0)]?.context;
  }

  /** To be called from time to time. @returns whether files had changed and were read again */
  look(): boolean {
    const marks = this.#marks();
    const isSettled = marks === this.#seen;
    this.#seen = marks;
    if (!isSettled || marks === this.#readAt) return false;
    this.#readAt = marks;
    this.#read(this.#served);
    return true;
  }

  #read(before: readonly Served[]): void {
    this.#served = this.#specs.flatMap(
      spec =>
        this.#readOne(
          spec,
          before.find(({ spec: { cert, key } }) => cert === spec.cert && key === spec.key),
        ) ?? [],
    );
    this.#names = new CertificateNames(this.#served);
  }

  #readOne(spec: CertificateSpec, before: Served | undefined): Served | undefined {
    try {
      const pem = { cert: readFileSync(spec.cert, 'utf8'), key: readFileSync(spec.key, 'utf8') };
      const served = this.#serve(spec, pem);
      if (before?.pem.cert !== pem.cert) {
        this.#log.info({ certificate: spec.cert, names: served.names }, 'a certificate is served');
      }
      return served;
    } catch (error) {
      const cause = (error as Error).message;
      this.#log.error(
        { certificate: spec.cert, key: spec.key, cause },
        before
          ? 'cannot take a certificate: the one before is served on'
          : 'cannot take a certificate: it is not served',
      );
      return before && this.#serve(spec, before.pem);
    }
  }

  #serve(spec: CertificateSpec, pem: Pem): Served {
    const certificate = readCertificate(pem.cert, pem.key);
    return { ...certificate, spec, pem, context: createSecureContext({ ...this.#common, ...pem }) };
  }

  /** Changes with any of the files. */
  #marks(): string {
    return this.#specs.map(({ cert, key }) => `${markOf(cert)} ${markOf(key)}`).join('\n');
  }
}

function markOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
