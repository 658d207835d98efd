/** The client's connection, as an exchange sees it. */
import type { Body } from '../http1/body.ts';
import type { Rejection } from '../http1/rejection.ts';
import type { Origin } from './origin.ts';
import type { Tunnel } from './tunnel.ts';
import type { Wire } from './wire.ts';

export interface ClientSide {
  readonly wire: Wire;
  /** Of the request. */
  readonly body: Body;
  /** `1.0`, `1.1`: of the request under way, or of the one before. */
  readonly httpVersion: string;
  /** Where the request comes from. */
  readonly origin: Origin;
  /**
   * A response begins.
   * @param delimited whether its end can be told without the end of the connection
   * @returns whether the connection goes on after it
   */
  answering(delimited: boolean): boolean;
  /** The response is sent. */
  exchanged(): void;
  /** The request under way can't be accepted: it is answered where it still can be, and the connection ends. */
  rejected(rejection: Rejection): void;
  /** The response can't be completed. @param delimited as for {@link answering} */
  cut(delimited: boolean): void;
  /** Whether it is to be read may have changed. */
  review(): void;
  /** The instance has agreed to another protocol: the connection is the tunnel's. */
  switched(tunnel: Tunnel): void;
}
