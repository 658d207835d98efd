/** What the API answers, by the names that people know. */
import type { Item, Output } from '../api/contract.ts';

export type Host = Output<'GET /v1/host'>;
export type Service = Output<'GET /v1/services/:name'>;
export type Instance = Service['instances'][number];
export type Revision = Output<'POST /v1/services/:name/deploy'>;
export type ApplyResult = Output<'POST /v1/config'>;
export type Diagnosis = Output<'GET /v1/doctor'>;
export type Event = Item<'GET /v1/events'>;
