/**
 * Routes: which requests come to a service, and what the router does to them on their way. What is absent is not done.
 */
import type { Milliseconds } from './clock.ts';

/** Values may not hold line breaks; names are compared without regard to case. */
export interface HeaderRules {
  /** Replaces all fields of the name. */
  readonly set: Readonly<Record<string, string>>;
  /** Comes in addition to fields of the name. */
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** A token bucket for each client, or for each value of a field; what exceeds it is answered with 429. */
export interface RateLimitSpec {
  /** So many … */
  readonly requests: number;
  /** … in this time, on average. */
  readonly per: Milliseconds;
  /** How many may come at once. */
  readonly burst: number;
  /** By a header's value where it is named, else by the client's address. */
  readonly header?: string;
}

export interface RedirectSpec {
  /** `{scheme}`, `{host}`, `{path}` and `{uri}` (path and query) stand for the request's own. */
  readonly to: string;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

/** A response of the router's own, such as a maintenance page. */
export interface RespondSpec {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Its bytes, or the absolute path of a file with them. */
  readonly body: { readonly text: string } | { readonly file: string };
}

/** `host` is exact (`a.example`), a suffix (`*.example`) or absent for any; `path` is a prefix of whole segments. */
export interface RouteSpec {
  readonly host?: string;
  readonly path: string;
  readonly stripPrefix: boolean;
  /** For the whole of a request and its response; not for upgraded connections. */
  readonly timeout?: Milliseconds;
  /** Bytes of a request's body. */
  readonly maxBody?: number;
  readonly requestHeaders?: HeaderRules;
  readonly responseHeaders?: HeaderRules;
  readonly rateLimit?: RateLimitSpec;
  /** Compress responses for clients that accept it. */
  readonly compress?: boolean;
  /** At most one of these; then nothing is forwarded. */
  readonly redirect?: RedirectSpec;
  readonly respond?: RespondSpec;
}
