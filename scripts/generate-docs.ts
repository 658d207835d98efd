/**
 * Writes the documents that are generated from source; with `--check` it only says which ones are stale, and fails
 * if any is.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderApi } from './render-api.ts';
import { renderCli } from './render-cli.ts';
import { renderConfiguration } from './render-configuration.ts';
import { renderConformance } from './render-conformance.ts';
import { renderErrors } from './render-errors.ts';
import { renderSchema } from './render-schema.ts';
import { renderStates } from './render-states.ts';

interface GeneratedDocument {
  /** Relative to the root of the repository. */
  readonly path: string;
  render(): string;
}

const documents: readonly GeneratedDocument[] = [
  { path: 'docs/api.md', render: renderApi },
  { path: 'docs/cli.md', render: renderCli },
  { path: 'docs/configuration.md', render: renderConfiguration },
  { path: 'docs/conformance.md', render: renderConformance },
  { path: 'docs/errors.md', render: renderErrors },
  { path: 'docs/states.md', render: renderStates },
  { path: 'schema/slipway.schema.json', render: renderSchema },
];

const root = new URL('../', import.meta.url);

/** Paths of those that are not what their source says now. */
export async function staleDocuments(): Promise<string[]> {
  const stale: string[] = [];
  for (const { path, render } of documents) {
    const current = await readFile(new URL(path, root), 'utf8').catch(() => undefined);
    if (current !== render()) stale.push(path);
  }
  return stale;
}

async function write(): Promise<void> {
  for (const { path, render } of documents) {
    const file = fileURLToPath(new URL(path, root));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, render());
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes('--check')) await write();
  else {
    const stale = await staleDocuments();
    for (const path of stale) console.error(`${path} is stale: run scripts/generate-docs.ts`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  }
}
