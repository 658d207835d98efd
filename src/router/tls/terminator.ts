/**
 * TLS towards clients: accepted connections in, secured ones out.
 *
 * - Settings, certificates and keys hold from the next handshake on; connections go on with what they began with.
 * - Where there is no certificate that can be served, handshakes fail, and nothing else does.
 * - A handshake has an end in time.
 */
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Milliseconds } from '../../domain/clock.ts';
import type { RouterSettings } from '../../domain/router-spec.ts';
import { TicketKey } from '../../router-link/ticket-key.ts';
import type { Log } from '../log.ts';
import { Certificates, type CommonOptions } from './certificates.ts';
import { type HandshakeFailure, handshakeFailure } from './handshake-failure.ts';

const lookEvery: Milliseconds = 1_000;
/** In seconds: how long a client may come back with a ticket. */
const sessionTimeout = 3_600;
/** Forward secret, with authenticated encryption: the "intermediate" profile of Mozilla's guide, version 5.7. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export type TlsSettings = Pick<RouterSettings, 'tls' | 'http2' | 'limits'>;

export interface SecuringEvents {
  secured(socket: TLSSocket): void;
  failed(why: HandshakeFailure): void;
}

export class Terminator {
  readonly #log: Log;
  readonly #ticketKey: TicketKey;
  readonly #waiting = new WeakMap<Socket, SecuringEvents>();
  #settings: TlsSettings;
  #text = '';
  #certificates: Certificates | undefined;
  #server: Server | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param ticketKeyPath see {@link TicketKey} */
  constructor(log: Log, ticketKeyPath: string | undefined, settings: TlsSettings) {
    this.#log = log;
    this.#ticketKey = new TicketKey(ticketKeyPath);
    this.#settings = settings;
  }

  apply(settings: TlsSettings): void {
    const text = JSON.stringify([settings.tls, settings.http2, settings.limits.headTimeout]);
    if (text === this.#text) return;
    this.#text = text;
    this.#settings = settings;
    if (this.#server || settings.tls.certificates.length > 0) this.#begin();
  }

  /** @param socket paused since it was accepted; it is closed where the handshake fails */
  secure(socket: Socket, events: SecuringEvents): void {
    const server = this.#server ?? this.#begin();
    this.#waiting.set(socket, events);
    // Before the end of the handshake a FIN can only be from one that is gone.
    socket.allowHalfOpen = false;
    server.emit('connection', socket);
  }

  #begin(): Server {
    this.#timer ??= setInterval(() => this.#look(), lookEvery).unref();
    this.#ticketKey.refresh();
    this.#certificates = new Certificates(
      this.#settings.tls.certificates,
      this.#common(),
      this.#log,
      this.#certificates,
    );
    return this.#serve(this.#certificates);
  }

  #common(): CommonOptions {
    const { minVersion } = this.#settings.tls;
    return { minVersion: `TLSv${minVersion}`, ciphers, sessionIdContext: 'slipway', sessionTimeout };
  }

  /** A server that never listens: each handshake is done with the latest. */
  #serve(certificates: Certificates): Server {
    const options: TlsOptions = {
      ...this.#common(),
      ...certificates.first,
      ticketKeys: this.#ticketKey.bytes,
      ALPNProtocols: this.#settings.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout: this.#settings.limits.headTimeout,
    };
    // One certificate needs no choice, which costs the handshake a turn of its own.
    if (certificates.count > 1) options.SNICallback = (name, done) => done(null, certificates.contextFor(name));
    const server = createServer(options);
    server.on('secureConnection', socket => {
      socket.allowHalfOpen = true;
      this.#take(socket)?.secured(socket);
    });
    server.on('tlsClientError', (error, socket) => {
      this.#take(socket)?.failed(handshakeFailure(error));
      socket.destroy();
    });
    this.#server = server;
    return server;
  }

  #take(secured: TLSSocket): SecuringEvents | undefined {
    const socket = lowerOf(secured);
    const events = this.#waiting.get(socket);
    this.#waiting.delete(socket);
    return events;
  }

  #look(): void {
    const isRekeyed = this.#ticketKey.refresh();
    const isRead = this.#certificates?.look() === true;
    if (isRead && this.#certificates) this.#serve(this.#certificates);
    else if (isRekeyed) this.#server?.setTicketKeys(this.#ticketKey.bytes);
  }
}

/** The connection below. Node has no documented way to it. */
function lowerOf(secured: TLSSocket): Socket {
  return (secured as unknown as { _parent: Socket })._parent;
}
