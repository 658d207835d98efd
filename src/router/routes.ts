/**
 * Which service a request is for, or a connection that is passed on as it is. Of all routes that match both host and path, the one with the most specific host
 * wins (exact, then the longest suffix, then any), and among those the one with the longest path. A lookup costs by
 * the labels of the host and the depth of the routes, not by their number nor by the length of the request's path.
 */
import type { RouteSpec } from '../domain/route-spec.ts';
import type { RoutedService } from '../router-link/protocol.ts';
import { normalHost } from './http1/host.ts';
import type { RoutePolicy } from './policy/route-policy.ts';

export interface RouteMatch {
  /** `undefined`: none, the router itself answers. */
  readonly service: string | undefined;
  /** What to take off the front of the path: empty, or `/prefix` without a slash at its end. */
  readonly strip: string;
  /** What else is done to its requests and their responses. */
  readonly policy: RoutePolicy | undefined;
}

type PolicyOf = (service: string | undefined, route: RouteSpec) => RoutePolicy | undefined;

interface Segment {
  match: RouteMatch | undefined;
  readonly children: Map<string, Segment>;
}

export class Routes {
  readonly #exact = new Map<string, Segment>();
  /** By what follows the `*.`. */
  readonly #suffix = new Map<string, Segment>();
  readonly #any = segment();
  /** By listening address. */
  readonly #tcp = new Map<string, string>();

  /** @param own routes that the router itself answers */
  constructor(
    services: readonly Pick<RoutedService, 'name' | 'routes' | 'tcp'>[],
    own: readonly RouteSpec[] = [],
    policyOf: PolicyOf = () => undefined,
  ) {
    for (const { name, routes, tcp } of services) {
      for (const route of routes) this.#add(name, route, policyOf(name, route));
      for (const address of tcp ?? []) this.#tcp.set(address, name);
    }
    for (const route of own) this.#add(undefined, route, policyOf(undefined, route));
  }

  /**
   * @param host as {@link normalHost} gives it
   * @param path begins with a slash; a query is ignored. It is taken literally: nothing is decoded or resolved.
   */
  match(host: string, path: string): RouteMatch | undefined {
    const exact = find(this.#exact.get(host), path);
    if (exact) return exact;
    if (this.#suffix.size > 0) {
      for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const match = find(this.#suffix.get(host.slice(dot + 1)), path);
        if (match) return match;
      }
    }
    return find(this.#any, path);
  }

  /** @param address as the listening one was asked for, without a scheme */
  serviceAt(address: string): string | undefined {
    return this.#tcp.get(address);
  }

  #add(service: string | undefined, route: RouteSpec, policy: RoutePolicy | undefined): void {
    const prefix = route.path.replace(/\/+$/, '');
    insert(this.#root(route.host), prefix, { service, strip: route.stripPrefix ? prefix : '', policy });
  }

  #root(host: string | undefined): Segment {
    if (host === undefined) return this.#any;
    const [roots, key] = host.startsWith('*.')
      ? [this.#suffix, normalHost(host.slice(2))]
      : [this.#exact, normalHost(host)];
    const root = roots.get(key) ?? segment();
    roots.set(key, root);
    return root;
  }
}

function segment(): Segment {
  return { match: undefined, children: new Map() };
}

/** The first route of a host and path keeps it. */
function insert(root: Segment, prefix: string, match: RouteMatch): void {
  let at = root;
  for (const name of prefix.split('/').slice(1)) {
    const child = at.children.get(name) ?? segment();
    at.children.set(name, child);
    at = child;
  }
  at.match ??= match;
}

function find(root: Segment | undefined, path: string): RouteMatch | undefined {
  if (!root) return undefined;
  let best = root.match;
  let at = root;
  let start = 1;
  const query = path.indexOf('?');
  const end = query < 0 ? path.length : query;
  while (at.children.size > 0 && start <= end) {
    const slash = path.indexOf('/', start);
    const stop = slash < 0 || slash > end ? end : slash;
    const child = at.children.get(path.slice(start, stop));
    if (!child) break;
    best = child.match ?? best;
    at = child;
    start = stop + 1;
  }
  return best;
}
