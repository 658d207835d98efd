/** Routes: which requests come to a service. */
import { z } from 'zod';
import type { RouteSpec } from '../../domain/spec.ts';
import { hostPattern, normalizePath, pathPattern, splitRoute } from '../route.ts';
import { flag, text } from './scalars.ts';
import { section } from './section.ts';

const host = text(
  'a host name such as a.example or *.a.example, without a port (leave it out for any host)',
  hostPattern,
).meta({ title: 'host', examples: ['greeter.localhost', '*.example.com'] });

const path = text(
  'a path that begins with "/", without a query and without empty, "." or ".." segments',
  pathPattern,
).meta({ title: 'URL path', examples: ['/', '/api'] });

const routeSection = section({
  host: host
    .exactOptional()
    .describe('Exact host, or `*.suffix` for every host below one. Left out: any host. Case does not matter.'),
  path: path.prefault('/').describe('Prefix of whole segments; the longest that fits wins.'),
  stripPrefix: flag().prefault(false).describe('Whether the service sees the path without this prefix.'),
});

const shortError = 'a route such as greeter.localhost, greeter.localhost/api or /api, or a mapping with host and path';

const shortRoute = text(shortError)
  .refine(
    value => {
      const route = splitRoute(value);
      return (route.host === undefined || hostPattern.test(route.host)) && pathPattern.test(route.path);
    },
    { error: shortError },
  )
  .meta({ title: 'route', examples: ['greeter.localhost/api'] });

export const routeSchema = z.union([shortRoute, routeSection], { error: shortError }).transform((value): RouteSpec => {
  const route = typeof value === 'string' ? routeSection.parse(splitRoute(value)) : value;
  const normal = { path: normalizePath(route.path), stripPrefix: route.stripPrefix };
  return route.host === undefined ? normal : { host: route.host.toLowerCase(), ...normal };
});
