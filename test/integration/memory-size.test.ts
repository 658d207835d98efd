/** Runtimes that choose their heap by the memory there is see the limit of their instance, in a sandbox and outside. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sandboxSupport } from '../../src/processes/sandbox/support.ts';
import { TestHost } from '../helpers/daemon.ts';

const compromised = fileURLToPath(new URL('../fixtures/compromised', import.meta.url));
const limit = 800 * 2 ** 20;
const support = { none: true, ...sandboxSupport() } as const;
const withoutJava = spawnSync('java', ['-version']).status === 0 ? false : 'java is not installed here';

/** A program that prints its largest heap in bytes, and the share of memory that it takes for it at most. */
const runtimes = [
  {
    name: 'Node',
    skip: false,
    share: 1,
    script: `${process.execPath} -p 'v8.getHeapStatistics().heap_size_limit'`,
  },
  {
    name: 'the JVM',
    skip: withoutJava,
    share: 0.26,
    script: `java -XX:+PrintFlagsFinal -version 2>/dev/null | awk '$2 == "MaxHeapSize" { print $4 }'`,
  },
] as const;

function run(port: number, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST' }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => {
        const { status, stdout, stderr } = JSON.parse(text);
        if (status === 0) resolve(stdout.trim());
        else reject(new Error(`${script}: ${status} ${stdout}${stderr}`));
      });
    });
    sent.on('error', reject).end(script);
  });
}

for (const level of ['none', 'standard', 'strict'] as const) {
  const able = support[level];
  describe(`the memory limit at level ${level}`, { skip: able === true ? false : able, concurrency: 1 }, () => {
    for (const { name, skip, share, script } of runtimes) {
      it(`is what ${name} sizes its heap to`, { skip }, async t => {
        const host = await TestHost.create(t);
        await host.start();
        const { backend } = await host.client.call('GET /v1/host', {});
        if (backend === 'none') return t.skip('no cgroups here');
        await host.apply({ app: { package: compromised, isolation: { level }, limits: { memory: limit } } });
        const { port = 0 } = (await host.ready('app')).instances[0] ?? {};
        const heap = Number(await run(port, script));
        assert.ok(heap > 2 ** 20 && heap <= limit * share, `${heap} of ${limit} bytes`);
      });
    }
  });
}
