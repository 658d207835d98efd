/** How the router spreads requests over a service's instances. */
import { z } from 'zod';
import type { BalanceSpec } from '../../domain/traffic-spec.ts';
import { headerName } from './header-rules.ts';
import { decimal, duration, nonEmptyList, text, whole } from './scalars.ts';
import { section } from './section.ts';

const balanceError = 'round-robin, least-requests, { weights: […] } or { hash: source }, { hash: { header: NAME } }';
const cookieName = text('the name of a cookie', /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/);

const balance = z
  .union(
    [
      z.enum(['round-robin', 'least-requests'], { error: balanceError }),
      section({
        weights: nonEmptyList(decimal(0, 1000), 'a list of weights').describe(
          'By index of the instance, in turns by weight; 0 for none, further instances weigh 1.',
        ),
      }),
      section({
        hash: z
          .union(
            [
              z.literal('source', { error: balanceError }),
              section({ header: headerName.describe('By the value of this header.') }),
              section({ cookie: cookieName.describe('By the value of this cookie.') }),
            ],
            { error: balanceError },
          )
          .describe('By the client’s address, a header or a cookie: the same goes to the same instance.'),
      }),
    ],
    { error: balanceError },
  )
  .transform((value): BalanceSpec => {
    if (typeof value === 'string') return { policy: value };
    if ('weights' in value) return { policy: 'weighted', weights: value.weights };
    if (value.hash === 'source') return { policy: 'hash', by: { kind: 'source' } };
    if ('header' in value.hash)
      return { policy: 'hash', by: { kind: 'header', name: value.hash.header.toLowerCase() } };
    return { policy: 'hash', by: { kind: 'cookie', name: value.hash.cookie } };
  });

const ejection = section({
  failures: whole(1, 1_000_000)
    .prefault(5)
    .describe('So many failed requests in a row; a refused connect counts at once.'),
  initial: duration({ min: 1 }).prefault('1s').describe('For how long at first; each time longer.'),
  max: duration({ min: 1 }).prefault('30s').describe('For how long at the most.'),
});

const breaker = section({
  failureRatio: decimal(0.01, 1).prefault(0.5).describe('Share of failed requests …'),
  requests: whole(1, 1_000_000).prefault(20).describe('… of at least so many …'),
  within: duration({ min: 1 }).prefault('10s').describe('… in this time.'),
  open: duration({ min: 1 }).prefault('5s').describe('How long requests are answered with 503 before one is tried.'),
});

export const trafficSchema = section({
  protocol: z
    .enum(['http1', 'h2c'], { error: 'http1 or h2c' })
    .prefault('http1')
    .describe('What instances speak; `h2c` is HTTP/2 without TLS, as gRPC servers do.'),
  balance: balance.prefault('round-robin').describe('Which instance takes the next request.'),
  maxConnections: whole(1, 1_000_000)
    .exactOptional()
    .describe('Requests at the same time, for each instance. Left out: unlimited.'),
  queue: section({
    size: whole(0, 1_000_000)
      .prefault(100)
      .describe('Requests that wait when all instances are at `maxConnections`; more get 503.'),
    timeout: duration({ min: 1 }).prefault('5s').describe('How long one waits at the most; then it gets 503.'),
  })
    .prefault({})
    .describe('For requests that find every instance busy.'),
  slowStart: duration().prefault('0s').describe('In this time a new instance’s share grows to the full one.'),
  ejection: z
    .union([z.literal(false), ejection], { error: 'false, or a mapping with failures, initial and max' })
    .prefault({})
    .describe('Instances that fail are passed over, never more than half of them; `false` for never.'),
  retries: section({
    attempts: whole(0, 10)
      .prefault(2)
      .describe('Further attempts of a request, where nothing of it can have been processed.'),
    budget: decimal(0, 1)
      .prefault(0.2)
      .describe('Retries as a share of the requests of the last 10 s; 3 a second always may.'),
  })
    .prefault({})
    .describe('Requests that an instance did not take.'),
  breaker: z
    .union([z.literal(false), breaker], { error: 'false, or a mapping with failureRatio, requests, within and open' })
    .prefault(false)
    .describe('A service that mostly fails is left alone for a while; `false` for never.'),
  upgradeGrace: duration()
    .prefault('5s')
    .describe('How long WebSockets and other upgraded connections go on when their instance is to stop.'),
});
