/**
 * The API: one table of endpoints. Handlers and client are typed by it, requests are validated by it, and the
 * OpenAPI document is generated from it. The client imports its types only, so that a command of the CLI loads no
 * schema.
 */
import type * as z from 'zod';
import type { ErrorCode } from '../domain/errors.ts';
import type { Place } from '../domain/place.ts';
import * as s from './schemas.ts';

type Response =
  | { readonly kind: 'json'; readonly schema: z.ZodType }
  /** One JSON value a line, for as long as both ends want. */
  | { readonly kind: 'ndjson'; readonly schema: z.ZodType }
  | { readonly kind: 'text'; readonly contentType: string }
  /** Whatever an instance answers; so are the request's query and body the instance's own. */
  | { readonly kind: 'instance' };

export interface Endpoint {
  readonly summary: string;
  /** A write is logged with its actor, and refused while the API is closing. */
  readonly access: 'read' | 'write';
  /** 202: durable, and set in motion; `GET /v1/settled` waits for the rest. */
  readonly status: 200 | 202;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Takes `application/octet-stream` as well as the JSON body. */
  readonly upload?: true;
  readonly response: Response;
  /** Beside those that every endpoint can give ({@link commonErrors}). */
  readonly errors: readonly ErrorCode[];
}

export const commonErrors = ['SLIP_REQUEST_INVALID', 'SLIP_STOPPING', 'SLIP_INTERNAL'] as const;

const bodyErrors = ['SLIP_MEDIA_TYPE', 'SLIP_REQUEST_TOO_LARGE'] as const;

const configErrors = ['SLIP_CONFIG_INVALID', 'SLIP_CONFIG_UNREADABLE', 'SLIP_LISTEN_FAILED'] as const;

/** What a new revision can fail with before its rollout begins. */
const revisionErrors = [
  'SLIP_PACKAGE_UNREADABLE',
  'SLIP_PACKAGE_DIGEST',
  'SLIP_PACKAGE_UNSUPPORTED',
  'SLIP_PACKAGE_CORRUPT',
  'SLIP_PACKAGE_HOSTILE',
  'SLIP_PACKAGE_TOO_LARGE',
  'SLIP_DISK_FULL',
  'SLIP_RUNTIME_UNKNOWN',
  'SLIP_RUNTIME_MISSING',
  'SLIP_RUNTIME_UNPINNABLE',
  'SLIP_ENTRY_MISSING',
  'SLIP_PREPARE_FAILED',
] as const;

export const contract = {
  'GET /v1/host': {
    summary: 'The daemon, its host and its router.',
    access: 'read',
    status: 200,
    response: { kind: 'json', schema: s.hostStatus },
    errors: [],
  },
  'GET /v1/doctor': {
    summary: 'What this host can enforce and what not, for the services as they are.',
    access: 'read',
    status: 200,
    response: { kind: 'json', schema: s.diagnosis },
    errors: [],
  },
  'GET /v1/services': {
    summary: 'Every service with its instances.',
    access: 'read',
    status: 200,
    response: { kind: 'json', schema: s.serviceList },
    errors: [],
  },
  'GET /v1/services/:name': {
    summary: 'One service with its instances.',
    access: 'read',
    status: 200,
    params: s.serviceParams,
    response: { kind: 'json', schema: s.serviceStatus },
    errors: ['SLIP_SERVICE_UNKNOWN'],
  },
  'POST /v1/config': {
    summary: 'Bring the services to what a slipway.yaml says; only what changed is touched.',
    access: 'write',
    status: 200,
    body: s.applyRequest,
    response: { kind: 'json', schema: s.applyResult },
    errors: [...bodyErrors, ...configErrors, ...revisionErrors],
  },
  'POST /v1/services/:name/deploy': {
    summary: 'A new revision with another package: a path on the daemon’s host, a URL, or an upload.',
    access: 'write',
    status: 202,
    params: s.serviceParams,
    query: s.uploadQuery,
    body: s.deployRequest,
    upload: true,
    response: { kind: 'json', schema: s.revisionSummary },
    errors: [...bodyErrors, 'SLIP_SERVICE_UNKNOWN', ...revisionErrors],
  },
  'POST /v1/services/:name/start': {
    summary: 'Start a service, or one instance; clears what made it give up.',
    access: 'write',
    status: 202,
    params: s.serviceParams,
    body: s.targetRequest,
    response: { kind: 'json', schema: s.serviceStatus },
    errors: [...bodyErrors, 'SLIP_SERVICE_UNKNOWN', 'SLIP_INSTANCE_UNKNOWN'],
  },
  'POST /v1/services/:name/stop': {
    summary: 'Drain and stop a service, or one instance.',
    access: 'write',
    status: 202,
    params: s.serviceParams,
    body: s.targetRequest,
    response: { kind: 'json', schema: s.serviceStatus },
    errors: [...bodyErrors, 'SLIP_SERVICE_UNKNOWN', 'SLIP_INSTANCE_UNKNOWN'],
  },
  'POST /v1/services/:name/restart': {
    summary: 'Restart a service, one instance after the other, or one instance.',
    access: 'write',
    status: 202,
    params: s.serviceParams,
    body: s.targetRequest,
    response: { kind: 'json', schema: s.serviceStatus },
    errors: [...bodyErrors, 'SLIP_SERVICE_UNKNOWN', 'SLIP_INSTANCE_UNKNOWN'],
  },
  'POST /v1/services/:name/scale': {
    summary: 'Set how many instances there should be.',
    access: 'write',
    status: 202,
    params: s.serviceParams,
    body: s.scaleRequest,
    response: { kind: 'json', schema: s.serviceStatus },
    errors: [...bodyErrors, 'SLIP_SERVICE_UNKNOWN'],
  },
  'GET /v1/services/:name/history': {
    summary: 'The revisions that are kept.',
    access: 'read',
    status: 200,
    params: s.serviceParams,
    response: { kind: 'json', schema: s.revisionList },
    errors: ['SLIP_SERVICE_UNKNOWN'],
  },
  'POST /v1/services/:name/rollback': {
    summary: 'Roll out an older revision again.',
    access: 'write',
    status: 202,
    params: s.serviceParams,
    body: s.rollbackRequest,
    response: { kind: 'json', schema: s.revisionSummary },
    errors: [...bodyErrors, 'SLIP_SERVICE_UNKNOWN', 'SLIP_REVISION_UNKNOWN'],
  },
  'ANY /v1/services/:name/instances/:index/proxy/*': {
    summary:
      'Pass the request on to one instance, whatever its state: method, query, body and upgrade; the path is what follows `/proxy`. During a rollout, to the newer revision’s.',
    access: 'write',
    status: 200,
    params: s.instanceParams,
    response: { kind: 'instance' },
    errors: [
      'SLIP_SERVICE_UNKNOWN',
      'SLIP_INSTANCE_UNKNOWN',
      'SLIP_INSTANCE_NOT_RUNNING',
      'SLIP_INSTANCE_NO_PORT',
      'SLIP_INSTANCE_UNREACHABLE',
      'SLIP_INSTANCE_TIMEOUT',
    ],
  },
  'GET /v1/settled': {
    summary: 'Wait until nothing is under way: every wanted instance is ready, stopped or given up.',
    access: 'read',
    status: 200,
    query: s.settledQuery,
    response: { kind: 'json', schema: s.serviceList },
    errors: ['SLIP_SERVICE_UNKNOWN', 'SLIP_WAIT_TIMEOUT'],
  },
  'GET /v1/services/:name/logs': {
    summary: 'Lines that the instances wrote.',
    access: 'read',
    status: 200,
    params: s.serviceParams,
    query: s.logsQuery,
    response: { kind: 'ndjson', schema: s.logLine },
    errors: ['SLIP_SERVICE_UNKNOWN', 'SLIP_INSTANCE_UNKNOWN'],
  },
  'GET /v1/events': {
    summary: 'What happened, who asked for it, and why. Oldest first.',
    access: 'read',
    status: 200,
    query: s.eventsQuery,
    response: { kind: 'ndjson', schema: s.auditEvent },
    errors: [],
  },
  'POST /v1/down': {
    summary: 'Stop every service and the router, then the daemon.',
    access: 'write',
    status: 202,
    body: s.downRequest,
    response: { kind: 'json', schema: s.hostStatus },
    errors: [...bodyErrors],
  },
  'GET /v1/openapi.json': {
    summary: 'This API as an OpenAPI 3.1 document.',
    access: 'read',
    status: 200,
    response: { kind: 'text', contentType: 'application/json' },
    errors: [],
  },
  'GET /metrics': {
    summary: 'Metrics in the Prometheus text format.',
    access: 'read',
    status: 200,
    response: { kind: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    errors: [],
  },
} as const satisfies Record<`${'GET' | 'POST' | 'ANY'} /${string}`, Endpoint>;

type Contract = typeof contract;
export type Operation = keyof Contract;

type Parsed<K extends Operation, Part extends 'params' | 'query' | 'body'> = Contract[K] extends {
  readonly [P in Part]: infer S extends z.ZodType;
}
  ? z.output<S>
  : Record<never, never>;

type BodyOf<K extends Operation> = Contract[K] extends { readonly upload: true }
  ? { readonly kind: 'json'; readonly value: Parsed<K, 'body'> } | Upload
  : { readonly kind: 'json'; readonly value: Parsed<K, 'body'> };

export interface Upload {
  readonly kind: 'upload';
  readonly stream: AsyncIterable<Uint8Array>;
}

/** A validated request, as a handler gets it. */
export interface Input<K extends Operation> {
  readonly params: Parsed<K, 'params'>;
  readonly query: Parsed<K, 'query'>;
  readonly body: BodyOf<K>;
}

type ResponseOf<K extends Operation> = Contract[K]['response'];

/** Where an instance listens, and what people call it. */
export interface InstanceAddress {
  readonly label: string;
  readonly place: Place;
}

/** What a handler gives: the value, the lines as they come, the text, or which instance is to answer. */
export type Output<K extends Operation> =
  ResponseOf<K> extends { readonly kind: 'json'; readonly schema: infer S extends z.ZodType }
    ? z.output<S>
    : ResponseOf<K> extends { readonly kind: 'ndjson'; readonly schema: infer S extends z.ZodType }
      ? AsyncIterable<z.output<S>>
      : ResponseOf<K> extends { readonly kind: 'instance' }
        ? InstanceAddress
        : string;

/** Operations by the kind of their answer. */
export type JsonOperation = { [K in Operation]: ResponseOf<K> extends { kind: 'json' } ? K : never }[Operation];
export type StreamOperation = { [K in Operation]: ResponseOf<K> extends { kind: 'ndjson' } ? K : never }[Operation];
export type Item<K extends StreamOperation> = Output<K> extends AsyncIterable<infer T> ? T : never;

/** What a client passes; parts that an endpoint has none of are left out. */
export type Arguments<K extends Operation> = Part<'params', Parsed<K, 'params'>> &
  Part<'query', Parsed<K, 'query'>> &
  Part<'body', Parsed<K, 'body'>>;

type Part<Name extends string, T> = keyof T extends never
  ? unknown
  : Record<never, never> extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };
