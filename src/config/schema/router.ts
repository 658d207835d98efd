/** The router as a whole: addresses, TLS, limits, logs. */
import { z } from 'zod';
import { formatListen, parseListen } from '../../domain/listen.ts';
import { isNetwork } from '../../domain/networks.ts';
import { formatAddress, parseAddress } from '../address.ts';
import { answeringRouteSchema } from './route.ts';
import { decimal, duration, filePath, flag, list, size, text, whole, word } from './scalars.ts';
import { section } from './section.ts';

const addressError = 'an address such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080; a port alone means 127.0.0.1';

export const address = z
  .union([text(addressError), z.int({ error: addressError })], { error: addressError })
  .meta({ title: 'address', examples: ['127.0.0.1:8080', '0.0.0.0:80'] })
  .transform((value, context) => {
    const parsed = parseAddress(String(value));
    if (parsed) return formatAddress(parsed);
    context.addIssue(addressError);
    return z.NEVER;
  });

const listenError = `${addressError}; https://0.0.0.0:443 for TLS; http+proxy:// or https+proxy:// behind a proxy that sends the PROXY protocol`;

const listen = z
  .union([text(listenError), z.int({ error: listenError })], { error: listenError })
  .meta({ title: 'address', examples: ['127.0.0.1:8080', '0.0.0.0:80', 'https://0.0.0.0:443'] })
  .transform((value, context) => {
    const parts = parseListen(String(value));
    const parsed = parts && parts.scheme !== 'tcp' ? parseAddress(parts.address) : undefined;
    if (parts && parsed) return formatListen({ ...parts, address: formatAddress(parsed) });
    context.addIssue(listenError);
    return z.NEVER;
  });

const networkError = 'an IP address or a block of them, such as 10.0.0.0/8';

const limits = section({
  head: size({ min: 1024 }).prefault('16Ki').describe('Head of a request or response: else 431 or 502.'),
  target: size({ min: 256 }).prefault('8Ki').describe('Path and query of a request: else 414.'),
  fields: whole(1, 10_000).prefault(100).describe('Headers of a request or response: else 431 or 502.'),
  trailers: size({ min: 256 }).prefault('8Ki').describe('Trailers of a body: else 431 or 502.'),
  body: size()
    .exactOptional()
    .describe('Body of a request: else 413. Left out: unlimited, since no body is ever stored.'),
  headTimeout: duration({ min: 1 })
    .prefault('20s')
    .describe('For a client to send the head of a request: else 408. As long for the TLS handshake before it.'),
  bodyTimeout: duration({ min: 1 }).prefault('60s').describe('Between two pieces of a request’s body: else 408.'),
  keepAlive: duration({ min: 1 }).prefault('75s').describe('For a client’s connection between two requests.'),
  connectTimeout: duration({ min: 1 }).prefault('1s').describe('For an instance to accept a connection.'),
  responseTimeout: duration({ min: 1 }).prefault('60s').describe('For an instance to begin its response: else 504.'),
  idleTimeout: duration({ min: 1 })
    .prefault('5m')
    .describe('Without a byte in either direction while a response is under way.'),
  instanceKeepAlive: duration()
    .prefault('4s')
    .describe('For an unused connection to an instance, where it doesn’t say `Keep-Alive: timeout` itself.'),
});

const tls = section({
  certificates: list(
    section({
      cert: filePath.describe('PEM file with the certificate and its chain.'),
      key: filePath.describe('PEM file with the private key.'),
    }),
    'a list of mappings with cert and key',
  )
    .prefault([])
    .describe('Chosen by the name that a client asks for (SNI), else the first. Reloaded when their files change.'),
  minVersion: word(['1.2', '1.3']).prefault('1.2').describe('The oldest TLS version that is spoken.'),
});

const accessLog = section({
  path: filePath.describe('File that JSON lines are appended to; opened anew after it was moved away.'),
  sample: decimal(0, 1).prefault(1).describe('Share of the requests that is written; 5xx always are.'),
});

export const routerSchema = section({
  listen: list(listen, 'a list of addresses such as ["127.0.0.1:8080"]')
    .prefault(['127.0.0.1:8080'])
    .describe(
      'Addresses of the router; an empty list for none. `https://` before one for TLS, `http+proxy://` for the PROXY protocol. Port 0 lets the system choose.',
    ),
  workers: whole(0, 256)
    .prefault(0)
    .describe('Processes that serve; 0: one for each core, but one alone up to two cores.'),
  tls: tls.prefault({}).describe('For addresses with `https://`.'),
  http2: flag()
    .prefault(true)
    .describe('Whether HTTP/2 is spoken with clients: offered by TLS, and without TLS with those that begin with it.'),
  redirectToHttps: z
    .union([z.literal(false), whole(1, 65_535)], { error: 'false, or the port that clients reach https at' })
    .prefault(false)
    .describe('Send what comes by plain HTTP to https at this port.'),
  trustedProxies: list(
    text(networkError).refine(isNetwork, { error: networkError }).meta({ title: 'network' }),
    'a list of networks',
  )
    .prefault([])
    .describe(
      'Proxies in front whose `X-Forwarded-*` and `Forwarded` are believed; of others they are replaced. Where any is named, only these may connect to addresses with the PROXY protocol.',
    ),
  limits: limits.prefault({}).describe('What a message may take.'),
  accessLog: z
    .union([z.literal(false), accessLog], { error: 'false, or a mapping with path and sample' })
    .prefault(false)
    .describe('One JSON line for each request.'),
  routes: list(answeringRouteSchema, 'a list of routes that redirect or respond')
    .prefault([])
    .describe('Routes of no service: redirects, fixed responses.'),
});
