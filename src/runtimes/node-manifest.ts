/** The fields of a package.json that matter for starting it. Each is taken only if it has npm's shape. */
import { z } from 'zod';
import { SlipwayError } from '../domain/errors.ts';
import type { Release } from '../domain/revision.ts';
import { textIn } from './release-files.ts';

const strings = z.record(z.string(), z.string()).catch({});

const schema = z.object({
  name: z.string().catch(''),
  main: z.string().optional().catch(undefined),
  bin: z.union([z.string(), strings]).catch({}),
  scripts: z.object({ start: z.string().optional() }).catch({}),
  engines: z.object({ node: z.string().optional() }).catch({}),
  dependencies: strings,
});

export type Manifest = Readonly<z.infer<typeof schema>>;

/** An empty one where there is no package.json. @throws SlipwayError SLIP_ENTRY_MISSING where it is no JSON object */
export async function readManifest(release: Release): Promise<Manifest> {
  const text = (await textIn(release.root, 'package.json')) ?? '{}';
  const refuse = (why: string) =>
    new SlipwayError('SLIP_ENTRY_MISSING', `cannot run ${release.name} with Node: ${why}; correct it`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(`its package.json is no JSON (${(error as Error).message})`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw refuse('its package.json is no object');
  return parsed.data;
}
