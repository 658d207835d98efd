/** The contract as an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12. */
import * as z from 'zod';
import { type ErrorCode, errorCatalog } from '../domain/errors.ts';
import { commonErrors, contract, type Endpoint, type Operation } from './contract.ts';
import { problemType } from './problem.ts';
import { components, problem } from './schemas.ts';

type Json = Record<string, unknown>;

export function openApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const operation of Object.keys(contract) as Operation[]) {
    const [method = '', path = ''] = operation.split(' ');
    const template = path.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, '{path}');
    paths[template] ??= {};
    for (const one of method === 'ANY' ? anyMethod : [method.toLowerCase()]) {
      paths[template][one] = describe(operation, one, contract[operation]);
    }
  }
  const info = { title: 'Slipway', version, description: 'Served over HTTP on the unix socket of the daemon.' };
  return { openapi: '3.1.0', info, paths, components: { schemas: componentSchemas() } };
}

/** Those that a path item has a place for. */
const anyMethod = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

function describe(operation: Operation, method: string, endpoint: Endpoint): Json {
  const { summary, access, status, params, query, body, upload, response, errors } = endpoint;
  return {
    operationId: operationId(operation, method),
    summary,
    'x-slipway-access': access,
    parameters: [...parameters('path', params), ...openPath(operation), ...parameters('query', query)],
    ...(body && { requestBody: { content: requestContent(body, upload) } }),
    responses: {
      ...(response.kind === 'instance'
        ? { default: { description: 'What the instance answers.' } }
        : { [status]: { description: 'Done.', content: responseContent(response) } }),
      ...problems([...errors, ...commonErrors]),
    },
  };
}

/** `POST /v1/services/:name/deploy` → `post.services.deploy`. */
function operationId(operation: Operation, method: string): string {
  const [, path = ''] = operation.split(' ');
  const words = path.split('/').filter(word => /^[^:*]/.test(word) && word !== 'v1');
  const one = path.endsWith(':name') ? ['one'] : [];
  return [method, ...words, ...one].join('.');
}

/** A template's parameter can't hold a `/` by the letter of OpenAPI; there is no nearer word for it. */
function openPath(operation: Operation): Json[] {
  if (!operation.endsWith('/*')) return [];
  const description = 'Any path, of any number of segments.';
  return [{ name: 'path', in: 'path', required: true, description, schema: { type: 'string' } }];
}

function parameters(where: 'path' | 'query', schema: z.ZodObject | undefined): Json[] {
  if (!schema) return [];
  // In a URL it is text; what matters to a client is what that text is parsed into.
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'output' });
  return Object.entries(properties as Record<string, Json>).map(([name, { description, ...json }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema: json,
  }));
}

function requestContent(body: z.ZodType, upload: true | undefined): Json {
  return {
    'application/json': { schema: reference(body) },
    ...(upload && { 'application/octet-stream': {} }),
  };
}

function responseContent(response: Exclude<Endpoint['response'], { kind: 'instance' }>): Json {
  if (response.kind === 'text') return { [response.contentType]: {} };
  const type = response.kind === 'json' ? 'application/json' : 'application/x-ndjson';
  return { [type]: { schema: reference(response.schema) } };
}

function problems(codes: readonly ErrorCode[]): Record<string, Json> {
  const content = { [problemType]: { schema: reference(problem) } };
  const statuses = new Set(codes.map(code => errorCatalog[code].status));
  return Object.fromEntries(
    [...statuses].map(status => {
      const some = codes.filter(code => errorCatalog[code].status === status);
      return [status, { description: some.map(code => `${code}: ${errorCatalog[code].meaning}`).join(' '), content }];
    }),
  );
}

function reference(schema: z.ZodType): Json {
  const known = components.get(schema);
  if (!known) throw new Error('a schema of the contract is not among the components');
  return { $ref: componentUri(known.id) };
}

function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(components, { uri: componentUri, io: 'input' });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $id, $schema, ...schema }]) => [id, schema]));
}

function componentUri(id: string): string {
  return `#/components/schemas/${id}`;
}
