/** The certificates that the router is told to serve, looked at as it would. */
import { readFile } from 'node:fs/promises';
import { readCertificate } from '../domain/certificate.ts';
import type { CertificateFacts } from '../domain/diagnosis/facts.ts';
import type { TlsSpec } from '../domain/router-spec.ts';

export function certificateFacts({ certificates }: TlsSpec): Promise<readonly CertificateFacts[]> {
  return Promise.all(
    certificates.map(async ({ cert: path, key }) => {
      try {
        const { expiresAt } = readCertificate(await readFile(path, 'utf8'), await readFile(key, 'utf8'));
        return { path, expiresAt };
      } catch (error) {
        return { path, problem: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}
