/** `schema/slipway.schema.json`: what editors complete and check slipway.yaml with. */
import { z } from 'zod';
import { projectSchema } from '../src/config/schema/project.ts';

/** The part of JSON Schema that the configuration needs. */
export interface JsonSchema {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly examples?: readonly unknown[] | undefined;
  readonly default?: unknown;
  readonly type?: string | readonly string[] | undefined;
  readonly const?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly pattern?: string | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly anyOf?: readonly JsonSchema[] | undefined;
  readonly items?: JsonSchema | undefined;
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: false | JsonSchema | undefined;
  readonly propertyNames?: JsonSchema | undefined;
}

/** Draft 7, which the YAML plug-ins of editors know best. */
export function configSchema(): JsonSchema {
  return z.toJSONSchema(projectSchema, { io: 'input', target: 'draft-07', reused: 'inline' }) as JsonSchema;
}

export function renderSchema(): string {
  const schema = { title: 'slipway.yaml', description: 'Configuration of Slipway.', ...forEditors(configSchema()) };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

const interpolation = '\\$\\{';

/** Editors see a file before `${NAME}` is filled in, so that it must be let through wherever it may stand. */
function forEditors(schema: JsonSchema): JsonSchema {
  const { title, description, examples, default: preset, ...rest } = schema;
  const { minimum, maximum, pattern, anyOf, items, properties, additionalProperties } = rest;
  const about: JsonSchema = { title, description, examples, default: isEmptyObject(preset) ? undefined : preset };
  const constraint: JsonSchema = {
    ...rest,
    minimum: minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum,
    maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
    pattern: pattern && `${pattern}|${interpolation}`,
    anyOf: anyOf?.map(forEditors),
    items: items && forEditors(items),
    properties: properties && mapValues(properties, forEditors),
    additionalProperties: additionalProperties && forEditors(additionalProperties),
  };
  if (!isSingleValue(rest)) return { ...about, ...constraint };
  return { ...about, anyOf: [constraint, { type: 'string', pattern: interpolation }] };
}

function isSingleValue({ type, enum: words, const: value }: JsonSchema): boolean {
  return words !== undefined || value !== undefined || type === 'integer' || type === 'number' || type === 'boolean';
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, map: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
