/** What the router makes of each message, octet by octet on raw sockets: every row by every way to read and to send. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { chapters } from './chapters.ts';
import { playRow } from './play.ts';
import { uncovered, unknownSections } from './sections.ts';

for (const [chapter, cases] of Object.entries(chapters)) {
  for (const byDocument of [false, true]) {
    test(`${chapter}${byDocument ? ', by documented API' : ''}`, async t => {
      for (const one of cases) {
        const name = `${one.section}: ${one.name}`;
        if ('play' in one) await t.test(name, step => one.play(step, { byDocument }));
        else {
          for (const splits of one.atOnce ? (['whole'] as const) : (['whole', 'octets'] as const)) {
            await t.test(`${name} (${splits})`, step => playRow(one, step, { byDocument }, splits));
          }
        }
      }
    });
  }
}

test('every section with a requirement on an intermediary has a row, or a reason why not', () => {
  assert.deepEqual(uncovered(), []);
  assert.deepEqual(unknownSections(), []);
});

test('no two rows say the same', () => {
  const names = Object.values(chapters).flatMap(cases => cases.map(one => `${one.section}: ${one.name}`));
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});
