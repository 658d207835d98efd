/** What the router itself answers: that it can't, where else to ask, and what the policy of a route says. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Unavailable } from '../../router-link/protocol.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { Account } from './account.ts';
import type { ClientSide } from './client-side.ts';
import type { Surroundings } from './exchange.ts';
import type { Policing } from './policing.ts';
import { type ProblemStatus, problemResponse } from './problem.ts';
import { redirection, secureLocation } from './redirect.ts';
import { unavailable } from './unavailable.ts';

/** The request that is answered. */
export interface Answering {
  readonly isHead: boolean;
  /** What the response says about the connection. @param delimited whether its end can be told without the connection's */
  connectionOption(delimited: boolean): 'close' | 'keep-alive' | undefined;
  /** Sends the response, which is all of the exchange. @param text its head, or all of it */
  respond(status: number, text: string, body?: Buffer): void;
}

export class OwnAnswers {
  readonly #around: Pick<Surroundings, 'date'>;
  readonly #client: Pick<ClientSide, 'origin' | 'rejected'>;
  readonly #account: Account;
  readonly #asked: Answering;

  constructor(
    around: Pick<Surroundings, 'date'>,
    client: Pick<ClientSide, 'origin' | 'rejected'>,
    account: Account,
    asked: Answering,
  ) {
    this.#around = around;
    this.#client = client;
    this.#account = account;
    this.#asked = asked;
  }

  refuse(status: ProblemStatus, detail: string, fields = '', code?: ErrorCode): void {
    const option = this.#asked.connectionOption(true);
    this.#asked.respond(
      status,
      problemResponse({
        status,
        code,
        detail,
        requestId: this.#account.requestId,
        date: this.#around.date(),
        fields: option ? `${fields}Connection: ${option}\r\n` : fields,
        withBody: !this.#asked.isHead,
      }),
    );
  }

  /** @param remaining for how long it surely stays so */
  unavailable(reason: Unavailable, remaining: Milliseconds = 0): void {
    const { code, detail } = unavailable[reason];
    this.#account.unavailable(reason);
    this.refuse(503, detail, `Retry-After: ${Math.max(1, Math.ceil(remaining / 1_000))}\r\n`, code);
  }

  redirect({ hostName, path }: RequestHead, port: number): void {
    if (hostName === '') {
      this.refuse(400, 'the request names no host, so it can’t be sent to https there');
      return;
    }
    const option = this.#asked.connectionOption(true);
    const fields = `${option ? `Connection: ${option}\r\n` : ''}X-Request-Id: ${this.#account.requestId}\r\n`;
    this.#asked.respond(308, redirection(secureLocation(hostName, path, port), this.#around.date(), fields));
  }

  /** Whether the policy of its route answers it. */
  settles(policing: Policing, head: RequestHead, bytes: Buffer): boolean {
    const account = this.#account;
    const { address, scheme } = this.#client.origin;
    const wait = policing.wait(head, bytes, address, account.startedAt);
    if (wait > 0) {
      account.rejected('rate-limited');
      this.refuse(429, 'more requests came than are allowed', `Retry-After: ${Math.ceil(wait / 1000)}\r\n`);
      return true;
    }
    const answer = policing.answer(head, bytes, scheme, account.startedAt, () => this.#ownFields());
    if (answer === undefined) return false;
    if (answer === 'host-invalid') this.#client.rejected(answer);
    else if (answer === 'unreadable') this.refuse(500, 'the response of this route cannot be read');
    else {
      const hasBody = !this.#asked.isHead && answer.body.length > 0;
      this.#asked.respond(answer.status, answer.head, hasBody ? answer.body : undefined);
    }
    return true;
  }

  /** Of a response that no instance gave. */
  #ownFields(): string {
    const option = this.#asked.connectionOption(true);
    const connection = option ? `Connection: ${option}\r\n` : '';
    return `Date: ${this.#around.date()}\r\n${connection}X-Request-Id: ${this.#account.requestId}\r\n`;
  }
}
