/** Routes: which requests come to a service, and what the router does to them. */
import { z } from 'zod';
import type { RouteSpec } from '../../domain/route-spec.ts';
import { hostPattern, normalizePath, pathPattern, splitRoute } from '../route.ts';
import { headerName, headerRules, headers } from './header-rules.ts';
import { duration, filePath, flag, size, text, whole } from './scalars.ts';
import { section } from './section.ts';

const host = text(
  'a host name such as a.example or *.a.example, without a port (leave it out for any host)',
  hostPattern,
).meta({ title: 'host', examples: ['greeter.localhost', '*.example.com'] });

const path = text(
  'a path that begins with "/", without a query and without empty, "." or ".." segments',
  pathPattern,
).meta({ title: 'URL path', examples: ['/', '/api'] });

const rateLimit = section({
  requests: whole(1, 1_000_000_000).describe('So many requests …'),
  per: duration({ min: 1 }).prefault('1s').describe('… in this time, for each client.'),
  burst: whole(1, 1_000_000_000).exactOptional().describe('So many may come at once; left out: as many as `requests`.'),
  header: headerName.exactOptional().describe('Count by the value of this header instead of the client’s address.'),
});

const targetError =
  'a URL or an absolute path, in which {scheme}, {host}, {path} and {uri} stand for the request’s own';

const redirect = section({
  to: text(targetError, /^(?:https?:\/\/|\/|\{scheme\}:\/\/)[\x21-\x7e]*$/)
    .meta({ title: 'URL', examples: ['https://www.example.com{uri}'] })
    .describe('`{scheme}`, `{host}`, `{path}` and `{uri}` (path and query) stand for the request’s own.'),
  status: z
    .literal([301, 302, 303, 307, 308], { error: '301, 302, 303, 307 or 308' })
    .prefault(308)
    .describe('308 and 307 keep the method, 301 and 308 are permanent.'),
});

const bodyError = 'text, or { file: PATH }';

const respond = section({
  status: whole(200, 599).prefault(200).describe('Status code.'),
  headers: headers.prefault({}).describe('Headers, such as `Content-Type`.'),
  body: z
    .union([text(bodyError).meta({ title: 'text' }), section({ file: filePath.describe('File with the body.') })], {
      error: bodyError,
    })
    .prefault('')
    .describe('The body.'),
});

/** What a route does beyond leading somewhere. */
const policies = {
  timeout: duration({ min: 1 }).exactOptional().describe('For a whole request with its response: else 504.'),
  maxBody: size().exactOptional().describe('The largest body of a request: else 413. Beats `router.limits.body`.'),
  requestHeaders: headerRules.exactOptional().describe('What is changed in the head of a request.'),
  responseHeaders: headerRules.exactOptional().describe('What is changed in the head of a response.'),
  rateLimit: rateLimit.exactOptional().describe('What exceeds it is answered with 429.'),
  compress: flag().exactOptional().describe('Whether text is compressed (br, gzip) for clients that accept it.'),
  redirect: redirect.exactOptional().describe('The router redirects instead of forwarding.'),
  respond: respond.exactOptional().describe('The router answers itself instead of forwarding.'),
};

const place = {
  host: host
    .exactOptional()
    .describe('Exact host, or `*.suffix` for every host below one. Left out: any host. Case does not matter.'),
  path: path.prefault('/').describe('Prefix of whole segments; the longest that fits wins.'),
};

const bothError = 'cannot both redirect and respond: expected one of them';

const routeSection = section({
  ...place,
  stripPrefix: flag().prefault(false).describe('Whether the service sees the path without this prefix.'),
  ...policies,
}).refine(({ redirect, respond }) => !redirect || !respond, { error: bothError });

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

export const routeSchema = z
  .union([shortRoute, routeSection], { error: shortError })
  .transform(value => normalize(typeof value === 'string' ? routeSection.parse(splitRoute(value)) : value));

/** Of no service, so it must answer by itself. */
export const answeringRouteSchema = section({
  ...place,
  rateLimit: policies.rateLimit,
  redirect: policies.redirect,
  respond: policies.respond,
})
  .refine(({ redirect, respond }) => !redirect !== !respond, {
    error: 'cannot answer requests here without one of redirect and respond: expected exactly one of them',
  })
  .transform(route => normalize({ ...route, stripPrefix: false }));

type RouteConfig = z.output<typeof routeSection>;

/** One spelling for each route. A file's path is still relative. */
function normalize({ host: name, path: prefix, rateLimit: rate, respond: answer, ...rest }: RouteConfig): RouteSpec {
  return {
    ...(name === undefined ? {} : { host: name.toLowerCase() }),
    path: normalizePath(prefix),
    ...rest,
    ...(rate === undefined ? {} : { rateLimit: { burst: rate.requests, ...rate } }),
    ...(answer === undefined
      ? {}
      : { respond: { ...answer, body: typeof answer.body === 'string' ? { text: answer.body } : answer.body } }),
  };
}
