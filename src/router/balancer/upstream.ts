/** An endpoint as the router knows it: what is in flight to it, and how it did lately. */
import type { Milliseconds } from '../../domain/clock.ts';
import { defaultTraffic, type TrafficSpec } from '../../domain/traffic-spec.ts';
import type { Endpoint } from '../../router-link/protocol.ts';

export class Upstream {
  readonly id: string;
  readonly service: string;
  /** Where it is, if it is at no socket. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly socket: string | undefined;
  readonly protocol: TrafficSpec['protocol'];
  /** Requests and upgraded connections. */
  inFlight = 0;
  /** No table has it any more. */
  leaving = false;
  /** Its part of the requests beside the others'; 0: none. */
  weight = 1;
  /** When its share began to grow; long ago where it has the full one. */
  joinedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  /** Failed requests in a row; 0: nothing speaks against it. */
  failures = 0;
  /** Ejections since the last success. */
  ejections = 0;
  ejectedUntil: Milliseconds = Number.NEGATIVE_INFINITY;
  /** The last connect failed. */
  refuses = false;
  /** When its upgraded connections are closed. */
  upgradesEnd: Milliseconds = Number.POSITIVE_INFINITY;

  constructor(
    service: string,
    { id, host, port, socket }: Endpoint,
    protocol: TrafficSpec['protocol'] = defaultTraffic.protocol,
  ) {
    this.service = service;
    this.id = id;
    this.host = host;
    this.port = port;
    this.socket = socket;
    this.protocol = protocol;
  }
}
