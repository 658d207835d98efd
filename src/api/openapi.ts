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
    const template = path.replaceAll(/:(\w+)/g, '{$1}');
    paths[template] = { ...paths[template], [method.toLowerCase()]: describe(operation, contract[operation]) };
  }
  const info = { title: 'Slipway', version, description: 'Served over HTTP on the unix socket of the daemon.' };
  return { openapi: '3.1.0', info, paths, components: { schemas: componentSchemas() } };
}

function describe(operation: Operation, endpoint: Endpoint): Json {
  const { summary, access, status, params, query, body, upload, response, errors } = endpoint;
  return {
    operationId: operationId(operation),
    summary,
    'x-slipway-access': access,
    parameters: [...parameters('path', params), ...parameters('query', query)],
    ...(body && { requestBody: { content: requestContent(body, upload) } }),
    responses: {
      [status]: { description: 'Done.', content: responseContent(response) },
      ...problems([...errors, ...commonErrors]),
    },
  };
}

/** `POST /v1/services/:name/deploy` → `post.services.deploy`. */
function operationId(operation: Operation): string {
  const [method = '', path = ''] = operation.split(' ');
  const words = path.split('/').filter(word => word !== '' && word !== 'v1' && !word.startsWith(':'));
  const one = path.endsWith(':name') ? ['one'] : [];
  return [method.toLowerCase(), ...words, ...one].join('.');
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

function responseContent(response: Endpoint['response']): Json {
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
