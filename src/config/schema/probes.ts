/** Probes, with the names and defaults of Kubernetes (core/v1 Probe). */
import { z } from 'zod';
import type { ProbeAction, ProbeSpec } from '../../domain/spec.ts';
import { duration, nonEmptyList, text, verbatim, whole } from './scalars.ts';
import { isMapping, section } from './section.ts';

const urlPath = text('a path that begins with "/", with a query if need be', /^\/[^\s#]*$/).meta({
  title: 'URL path',
  examples: ['/healthz'],
});

const statusError = 'a status code such as 204, or a range such as 200-399';

const status = z
  .union([z.int({ error: statusError }), text(statusError, /^[1-5]\d\d(-[1-5]\d\d)?$/)], { error: statusError })
  .meta({ title: 'status range', examples: ['200-399', 204] })
  .transform((value): readonly [number, number] => {
    const [from = Number.NaN, to = from] = String(value).split('-').map(Number);
    return [from, to];
  })
  .refine(([from, to]) => from >= 100 && from <= to && to <= 599, { error: statusError });

const headerName = text('a header name', /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
const headerValue = verbatim('a header value of one line').refine(value => /^[\t\x20-\x7e\x80-\xff]*$/.test(value), {
  error: 'a header value of one line in Latin-1',
});

const http = section({
  path: urlPath.describe('What to GET.'),
  host: text('a host name, with a port if need be', /^[^\s/]+$/)
    .exactOptional()
    .describe('`Host` header; left out: the instance’s address.'),
  headers: z
    .record(headerName, headerValue, { error: 'a mapping of header names to values' })
    .prefault({})
    .describe('Further request headers.'),
  status: status.prefault('200-399').describe('Status codes that pass; both ends of the range do.'),
});

const httpError = 'a path such as /healthz, or a mapping with path, host, headers and status';
const tcpError = 'true';
const execError = 'a list of words such as ["./check", "--quick"]';

const execWords = nonEmptyList(verbatim('a word of a command line'), execError);

const probeShape = {
  http: z
    .union([urlPath, http], { error: httpError })
    .exactOptional()
    .describe('Passes when a GET of this path answers with a fitting status in time.'),
  tcp: z
    .union([z.literal(true, { error: tcpError }), section({})], { error: tcpError })
    .exactOptional()
    .describe('Passes when a connection to the port is accepted in time.'),
  exec: execWords
    .exactOptional()
    .describe(
      'Passes when this command, run in the release’s folder with the instance’s environment, exits 0 in time.',
    ),
  initialDelay: duration().prefault('0s').describe('How long after the launch the first run waits.'),
  period: duration({ min: 10 }).prefault('10s').describe('Time from one run to the next.'),
  timeout: duration({ min: 1 }).prefault('1s').describe('A run that takes longer has failed.'),
  successThreshold: whole(1, 1000).prefault(1).describe('Passes in a row that make up for a failure.'),
  failureThreshold: whole(1, 1000).prefault(3).describe('Failures in a row that count as one.'),
};

type ProbeConfig = z.output<z.ZodObject<typeof probeShape>>;

const onceError = '1, since the first pass decides here; other values are for readiness';

const onceThreshold = z
  .literal(1, { error: onceError })
  .prefault(1)
  .describe('The first pass decides, so that this can only be 1.');

function probe(once: boolean) {
  return section(once ? { ...probeShape, successThreshold: onceThreshold } : probeShape)
    .refine(value => givenActions(value).length === 1, {
      when: ({ value }) => isMapping(value),
      error: ({ input }) => {
        const given = givenActions(input as object);
        const count = given.length === 0 ? 'without an action' : `with ${given.join(' and ')} at once`;
        return `cannot take a probe ${count}: expected exactly one of http, tcp and exec`;
      },
    })
    .transform((value): ProbeSpec => {
      const { http: _http, tcp: _tcp, exec: _exec, ...timing } = value;
      return { action: toAction(value), ...timing };
    });
}

function givenActions(value: object): string[] {
  return ['http', 'tcp', 'exec'].filter(action => action in value);
}

function toAction(value: ProbeConfig): ProbeAction {
  if (value.exec) return { kind: 'exec', command: value.exec };
  if (value.http === undefined) return { kind: 'tcp' };
  return { kind: 'http', ...(typeof value.http === 'string' ? http.parse({ path: value.http }) : value.http) };
}

export const probesSchema = section({
  startup: probe(true)
    .exactOptional()
    .describe('Until it has passed, the other two wait; when it fails, the instance is restarted.'),
  readiness: probe(false)
    .exactOptional()
    .describe(
      'Decides whether the instance gets requests. Left out: ready at the first TCP connect to its port (at once where it has none), and not probed after that.',
    ),
  liveness: probe(true).exactOptional().describe('When it fails, the instance is restarted.'),
});
