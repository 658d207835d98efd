import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Revision } from '../../src/domain/revision.ts';
import {
  concludeRollout,
  declare,
  firstRecord,
  previousRevision,
  revert,
  rollOut,
  runsAlike,
  targetRevision,
} from '../../src/domain/service.ts';
import { serviceSpec } from '../helpers/specs.ts';

function revisionOf(number: number, release = `release-${number}`): Revision {
  return {
    number,
    release,
    packageName: `greeter-${number}.tgz`,
    spec: serviceSpec({ package: { kind: 'path', path: `/p/${release}` } }),
    runtime: { name: 'exec', version: '', path: '/bin/true' },
    launch: { argv: ['/bin/true'], cwd: '/', env: {} },
    createdAt: 0,
    cause: 'test',
  };
}

/** Revisions 1 to `count`, each rolled out with success. */
function served(count: number, keepRevisions = 5) {
  let record = firstRecord(revisionOf(1));
  record = { ...record, declared: { ...record.declared, keepRevisions } };
  for (let number = 2; number <= count; number += 1) {
    record = concludeRollout(rollOut(record, revisionOf(number), 0));
  }
  return record;
}

describe('a service record', () => {
  it('serves the old revision until the rollout is over', () => {
    const rolling = rollOut(served(1), revisionOf(2), 0);
    assert.equal(rolling.current, 1);
    assert.equal(targetRevision(rolling), 2);
    assert.equal(concludeRollout(rolling).current, 2);
  });

  it('goes back to what served when a rollout is reverted', () => {
    const reverting = revert(rollOut(served(1), revisionOf(2), 0), 'exited 1');
    assert.equal(targetRevision(reverting), 1);
    const over = concludeRollout(reverting);
    assert.equal(over.current, 1);
    assert.deepEqual(over.rollout, { from: 1, to: 2, state: 'failed', reason: 'exited 1', startedAt: 0 });
  });

  it('supersedes a rollout under way: the way goes from what still serves', () => {
    const record = rollOut(rollOut(served(1), revisionOf(2), 0), revisionOf(3), 0);
    assert.deepEqual([record.rollout?.from, record.rollout?.to], [1, 3]);
  });

  it('never gives a number twice', () => {
    const failed = concludeRollout(revert(rollOut(served(1), revisionOf(2), 0), 'no'));
    assert.equal(failed.nextRevision, 3);
  });

  it('rolls back to what last served, not to what failed meanwhile', () => {
    const failed = concludeRollout(revert(rollOut(served(3), revisionOf(4), 0), 'no'));
    assert.equal(previousRevision(failed)?.number, 2);
  });

  it('does not offer the same run under another number as a rollback', () => {
    const again = concludeRollout(rollOut(served(2), revisionOf(3, 'release-2'), 0));
    assert.equal(previousRevision(again)?.number, 1);
  });

  it('keeps the last revisions, and always the one that serves', () => {
    assert.deepEqual(
      served(8, 3).revisions.map(one => one.number),
      [6, 7, 8],
    );
    let record = served(3, 2);
    for (const number of [4, 5, 6]) record = concludeRollout(revert(rollOut(record, revisionOf(number), 0), 'no'));
    record = declare(record, record.declared, record.declaredRelease);
    assert.deepEqual(
      record.revisions.map(one => one.number),
      [3, 5, 6],
    );
  });

  it('keeps a scaled number until the configuration changes it', () => {
    const scaled = { ...served(1), instances: 7 };
    assert.equal(declare(scaled, { ...scaled.declared, routes: [] }, 'r').instances, 7);
    assert.equal(declare(scaled, { ...scaled.declared, instances: 4 }, 'r').instances, 4);
  });

  it('needs no new process for what the daemon or the router does', () => {
    const spec = serviceSpec({});
    assert.ok(runsAlike(spec, { ...spec, instances: 9, routes: [], keepRevisions: 1, dependsOn: ['x'] }));
    assert.ok(!runsAlike(spec, { ...spec, env: { A: { kind: 'plain', value: 'b' } } }));
    assert.ok(runsAlike(spec, { ...spec, limits: { memory: 1 } }), 'limits are changed while it runs');
    assert.ok(!runsAlike(spec, { ...spec, isolation: { ...spec.isolation, level: 'strict' } }));
  });
});
