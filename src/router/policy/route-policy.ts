/** What a route asks to be done, made ready for many requests. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { RouteSpec } from '../../domain/route-spec.ts';
import type { Log } from '../log.ts';
import { type Answerer, redirecting, responding } from './answer.ts';
import { type ContentSource, contentSource } from './content.ts';
import { type HeaderEdits, headerEdits } from './header-rules.ts';
import { RateLimiter } from './rate-limit.ts';

/** What is absent is not done. */
export interface RoutePolicy {
  /** From the whole head of a request to the end of its response. */
  readonly timeout: Milliseconds | undefined;
  /** Bytes of a request's body. */
  readonly maxBody: number | undefined;
  readonly request: HeaderEdits | undefined;
  readonly response: HeaderEdits | undefined;
  readonly rate: RatePolicy | undefined;
  readonly compresses: boolean;
  /** In place of an instance. */
  readonly answerer: Answerer | undefined;
}

export interface RatePolicy {
  readonly limiter: RateLimiter;
  /** In lower case: the header that it goes by. */
  readonly header: string | undefined;
}

export interface PoliciesParts {
  readonly log: Log;
  /** How many share the limits of rates. */
  readonly workers: number;
}

/** The policies of one table. What they remember goes on from the table before, where the rule is the same. */
export class Policies {
  readonly #parts: PoliciesParts;
  readonly #limiters = new Map<string, RateLimiter>();
  readonly #files = new Map<string, ContentSource>();
  readonly #knownLimiters: ReadonlyMap<string, RateLimiter> | undefined;
  readonly #knownFiles: ReadonlyMap<string, ContentSource> | undefined;

  constructor(parts: PoliciesParts, before?: Policies) {
    this.#parts = parts;
    this.#knownLimiters = before ? before.#limiters : undefined;
    this.#knownFiles = before ? before.#files : undefined;
  }

  /** @param service `undefined` for a route of the router itself @returns `undefined` where nothing is to be done */
  of(service: string | undefined, route: RouteSpec): RoutePolicy | undefined {
    const { timeout, maxBody, requestHeaders, responseHeaders, compress = false } = route;
    const policy: RoutePolicy = {
      timeout,
      maxBody,
      request: requestHeaders && headerEdits(requestHeaders),
      response: responseHeaders && headerEdits(responseHeaders),
      rate: this.#rate(service, route),
      compresses: compress,
      answerer: this.#answerer(route),
    };
    return Object.values(policy).some(part => part !== undefined && part !== false) ? policy : undefined;
  }

  #rate(service: string | undefined, { host, path, rateLimit }: RouteSpec): RatePolicy | undefined {
    if (!rateLimit) return undefined;
    const { workers } = this.#parts;
    const key = JSON.stringify([service, host, path, rateLimit, workers]);
    const limiter = this.#knownLimiters?.get(key) ?? new RateLimiter(rateLimit, workers);
    this.#limiters.set(key, limiter);
    return { limiter, header: rateLimit.header?.toLowerCase() };
  }

  #answerer({ redirect, respond }: RouteSpec): Answerer | undefined {
    if (redirect) return redirecting(redirect);
    return respond && responding(respond, this.#content(respond.body));
  }

  #content(body: NonNullable<RouteSpec['respond']>['body']): ContentSource {
    if (!('file' in body)) return contentSource(body, this.#parts.log);
    const known = this.#files.get(body.file) ?? this.#knownFiles?.get(body.file);
    const source = known ?? contentSource(body, this.#parts.log);
    this.#files.set(body.file, source);
    return source;
  }
}
