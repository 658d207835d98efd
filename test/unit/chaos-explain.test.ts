/** What explains a failure under chaos, and what must not. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { explain, repeated } from '../chaos/explain.ts';
import type { Arrival, Failure, Happening } from '../chaos/history.ts';

const get: Failure = {
  id: 'GET-1',
  kind: 'get',
  method: 'GET',
  service: 'alpha',
  startedAt: 900,
  failedAt: 1_010,
  manner: 'refusal',
  status: 502,
  why: '502',
};
const kill: Happening = {
  kind: 'instance killed',
  service: 'alpha',
  pid: 7,
  endpoint: 'alpha.0.r1',
  startedAt: 1_000,
  what: '',
};
const worker: Happening = { kind: 'worker killed', pid: 3, startedAt: 1_000, what: '' };
const deploy: Happening = { kind: 'deploy', service: 'alpha', startedAt: 400, endedAt: 2_000, after: [8], what: '' };
const closed: Partial<Failure> = { kind: 'websocket', manner: 'closed', pid: 7 };
const { status, ...unanswered } = get;
const reset: Failure = { ...unanswered, manner: 'reset' };

function causeOf(
  failure: Failure,
  happening: Happening,
  came: readonly Arrival[] = [],
  blamed: readonly string[] = [],
) {
  const witnesses = { arrivals: new Map([[failure.id, came]]), blamed: new Map([[failure.id, blamed]]) };
  return explain(failure, [happening], witnesses, 500)?.kind;
}

const first = [{ pid: 7, nth: 1 }];
const later = [{ pid: 7, nth: 2 }];

const cases: readonly (readonly [string, Failure, Happening, readonly Arrival[], string | undefined])[] = [
  ['in flight on a new connection to it', get, kill, first, 'instance killed'],
  ['a GET on a kept connection is to be tried again', get, kill, later, undefined],
  ['a POST is not', { ...get, method: 'POST', kind: 'post' }, kill, later, 'instance killed'],
  ['tried again in vain', get, kill, [{ pid: 9, nth: 4 }, ...first], 'instance killed'],
  ['it was at another instance', get, kill, [{ pid: 9, nth: 1 }], undefined],
  ['of another service', { ...get, service: 'beta' }, kill, first, undefined],
  ['begun long after', { ...get, startedAt: 2_100, failedAt: 2_110 }, kill, first, undefined],
  ['failed before', { ...get, failedAt: 990 }, kill, first, undefined],
  ['failed long after', { ...get, failedAt: 4_000 }, kill, first, undefined],
  ['no instance is there', { ...get, status: 503 }, kill, first, undefined],
  ['cut short', { ...unanswered, manner: 'cut short', pid: 7 }, kill, [], 'instance killed'],
  ['cut short by another', { ...unanswered, manner: 'cut short', pid: 9 }, kill, [], undefined],
  ['a reset is not of an instance', reset, kill, first, undefined],
  ['reset by a worker', reset, worker, [], 'worker killed'],
  ['a worker that is dead refuses nothing', get, worker, [], undefined],
  ['a connection is never refused', { ...reset, manner: 'unreachable' }, worker, [], undefined],
  ['a wrong answer is never right', { ...reset, manner: 'wrong' }, worker, [], undefined],
  ['a deploy costs nothing', get, deploy, first, undefined],
  ['but WebSockets of what is replaced', { ...reset, ...closed }, deploy, [], 'deploy'],
  ['not of what stays', { ...reset, ...closed, pid: 8 }, deploy, [], undefined],
  ['not before their grace', { ...reset, ...closed, failedAt: 600 }, deploy, [], undefined],
];

for (const [name, failure, happening, came, cause] of cases) {
  test(`explains: ${name}`, () => assert.equal(causeOf(failure, happening, came), cause));
}

test('explains: what came to no instance by what the router says', () => {
  assert.equal(causeOf(get, kill, [], ['alpha.0.r1']), 'instance killed');
  assert.equal(causeOf(get, kill, [], ['alpha.1.r1']), undefined);
  assert.equal(causeOf(get, kill), undefined);
});

test('tells what was repeated: a POST twice, a GET more often', () => {
  const arrivals = new Map([
    ['POST-1', later],
    ['POST-2', [...first, ...later]],
    ['GET-3', [...first, ...later]],
    ['GET-4', [...first, ...first, ...later]],
  ]);
  assert.deepEqual(
    repeated({ arrivals, blamed: new Map() }, id => id.startsWith('POST')),
    ['POST-2', 'GET-4'],
  );
});
