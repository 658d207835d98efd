/** `docs/api.md`: the reference of the API, from the OpenAPI document that the daemon gives. */
import { commonErrors } from '../src/api/contract.ts';
import { openApi } from '../src/api/openapi.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Operation {
  readonly summary: string;
  readonly 'x-slipway-access': string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export function renderApi(): string {
  const { paths, components } = openApi('') as unknown as Document;
  const endpoints = Object.entries(paths).flatMap(([path, methods]) => {
    const operations = Object.entries(methods);
    const [any] = new Set(operations.map(([, { summary }]) => summary)).size < operations.length ? operations : [];
    if (any) return [renderOperation(`ANY ${path}`, any[1])];
    return operations.map(([method, operation]) => renderOperation(`${method.toUpperCase()} ${path}`, operation));
  });
  const schemas = Object.entries(components.schemas).map(([name, schema]) => renderSchema(name, schema));
  return `${[intro, '## Endpoints', ...endpoints, '## Schemas', ...schemas].join('\n\n')}\n`;
}

const common: ReadonlySet<string> = new Set(commonErrors);

const intro = `# The API

<!-- Generated from src/api/contract.ts by scripts/generate-docs.ts. -->

REST over HTTP/1.1 on the unix socket \`run/slipway.sock\` in the Slipway home; who may write to the socket (owner and
group) may do everything. The same as OpenAPI 3.1: \`GET /v1/openapi.json\`.

    curl --unix-socket /var/lib/slipway/run/slipway.sock http://slipway/v1/services

- Requests are \`application/json\`; unknown fields, in the body and in the query, are refused.
- A write that was answered with 2xx is durable. 202 says that what it set in motion goes on; \`GET /v1/settled\`
  waits for the rest.
- Times are Unix times and spans, in milliseconds; sizes are in bytes.
- Answers may get further fields later; under \`/v1\` none is renamed, removed or given another meaning.
- A stream is \`application/x-ndjson\`: one JSON value a line. One that breaks off instead of ending isn't whole.
- Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`; [errors.md](errors.md) has them all. Any endpoint
  can give ${commonErrors.map(code => `\`${code}\``).join(', ')}.
- The header \`x-slipway-actor\` says who asks, for the record of events.`;

function renderOperation(title: string, operation: Operation): string {
  const lines = operation.parameters.map(({ name, in: where, required, description, schema }) => {
    const rest = [typeText(schema), ...(required ? [] : ['optional']), ...(description ? [description] : [])];
    return `- ${where} \`${name}\`: ${rest.join('; ')}`;
  });
  if (operation.requestBody) lines.push(`- body: ${contentText(operation.requestBody.content)}`);
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    const codes = description.match(/SLIP_\w+/g);
    const own = codes?.filter(code => !common.has(code)).map(code => `\`${code}\``);
    if (content === undefined) lines.push(`- any other: ${description}`);
    else if (own?.length !== 0) lines.push(`- ${status}: ${own ? own.join(', ') : contentText(content)}`);
  }
  return `### \`${title}\`\n\n${operation.summary} *${operation['x-slipway-access']}*\n\n${lines.join('\n')}`;
}

function contentText(content: Content): string {
  return Object.entries(content)
    .map(([type, { schema }]) => (schema ? `${typeText(schema)} as \`${type}\`` : `\`${type}\``))
    .join(', or ');
}

function renderSchema(name: string, { description, ...schema }: Schema): string {
  const head = `### ${name}${description ? `\n\n${description}` : ''}`;
  const rows = Object.entries(schema.properties ?? {}).map(([field, own]) => {
    const optional = schema.required?.includes(field) ? '' : ' (optional)';
    return `| \`${field}\`${optional} | ${typeText(own)} | ${own.description ?? ''} |`;
  });
  return [head, ['| field | type | |', '|---|---|---|', ...rows].join('\n')].join('\n\n');
}

/** In the notation of TypeScript, as far as that is shorter. */
function typeText(schema: Schema): string {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.enum) return schema.enum.map(value => `\`${value}\``).join(' or ');
  if (schema.anyOf) return schema.anyOf.map(typeText).join(' or ');
  if (schema.type === 'array') return `array of ${typeText(schema.items ?? {})}`;
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(
      ([name, own]) => `\`${name}\`${schema.required?.includes(name) ? '' : '?'}: ${typeText(own)}`,
    );
    return `{ ${fields.join(', ')} }`;
  }
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    return `map of ${typeText(schema.additionalProperties)}`;
  }
  const bounded = schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER;
  return bounded ? `${schema.type}, ${schema.minimum} to ${schema.maximum}` : (schema.type ?? 'any');
}
