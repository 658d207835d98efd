/** Instances that have been taken over try to reach their neighbours, Slipway and the host; each attempt fails. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { IsolationLevel } from '../../src/domain/isolation-spec.ts';
import { sandboxSupport } from '../../src/processes/sandbox/support.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';

const compromised = fileURLToPath(new URL('../fixtures/compromised', import.meta.url));
const support = sandboxSupport();

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Attack {
  readonly host: TestHost;
  readonly port: number;
  readonly pid: number;
  readonly victim: { readonly pid: number; readonly data: string; readonly port: number };

  private constructor(host: TestHost, port: number, pid: number, victim: Attack['victim']) {
    this.host = host;
    this.port = port;
    this.pid = pid;
    this.victim = victim;
  }

  static async begin(t: TestContext, level: IsolationLevel, change: Record<string, unknown> = {}): Promise<Attack> {
    const host = await TestHost.create(t);
    await host.start();
    writeFileSync(join(host.home, 'password'), 'secret-of-the-victim');
    const own = join(host.home, 'own-secret');
    writeFileSync(own, 'secret-of-its-own');
    await host.apply({
      victim: {
        package: appPackage,
        isolation: { level },
        secrets: { password: { file: './password' } },
        env: { TOKEN: 'token-of-the-victim' },
      },
      attacker: {
        package: compromised,
        route: { path: '/' },
        isolation: { level },
        secrets: { own: { file: './own-secret' } },
        ...change,
      },
    });
    const victim = (await host.ready('victim')).instances[0];
    const attacker = (await host.ready('attacker')).instances[0];
    assert.ok(victim?.pid && victim.port && attacker?.pid && attacker.port);
    const data = join(host.home, 'data/victim/0');
    writeFileSync(join(data, 'file'), 'data-of-the-victim');
    return new Attack(host, attacker.port, attacker.pid, { pid: victim.pid, port: victim.port, data });
  }

  run(script: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const sent = request({ port: this.port, host: '127.0.0.1', method: 'POST' }, response => {
        let text = '';
        response.setEncoding('utf8').on('data', chunk => {
          text += chunk;
        });
        response.on('end', () => resolve(JSON.parse(text) as Outcome));
      });
      sent.on('error', reject).end(script);
    });
  }

  /** The command fails, and nothing of the victim's comes out. */
  async fails(script: string): Promise<void> {
    const { status, stdout, stderr } = await this.run(script);
    assert.notEqual(status, 0, `${script}\n${stdout}${stderr}`);
    assert.doesNotMatch(stdout, /of-the-victim/, script);
  }

  async succeeds(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(script);
    assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }
}

for (const level of ['standard', 'strict'] as const) {
  const able = support[level];
  describe(`isolation at level ${level}`, { skip: able === true ? false : able, concurrency: 1 }, () => {
    it('keeps an instance that was taken over from its neighbours', async t => {
      const attack = await Attack.begin(t, level);
      const { host, victim } = attack;
      await attack.fails(`cat ${victim.data}/file`);
      await attack.fails(`ls ${victim.data}`);
      await attack.fails(`ls ${host.home}/data/victim`);
      await attack.fails(`cat ${host.home}/password`);
      await attack.fails(`cat ${host.home}/secrets/victim.0.r1/password`);
      await attack.fails('grep -r -s of-the-victim /dev/shm /run /tmp /var/tmp "$HOME"');
      await attack.fails(`cat /proc/${victim.pid}/environ`);
      await attack.fails(`ls /proc/${victim.pid}/fd /proc/${victim.pid}/root/`);
      await attack.fails(`head -c 1 /proc/${victim.pid}/mem`);
      await attack.fails(`cat ${host.home}/logs/victim/0.log`);
      await attack.fails(`kill -9 ${victim.pid}`);
      await attack.fails(`kill -0 ${victim.pid}`);
      const [still] = (await host.service('victim')).instances;
      assert.equal(still?.pid, victim.pid, 'the victim lives');
    });

    it('keeps it from Slipway’s state, sockets and processes', async t => {
      const attack = await Attack.begin(t, level);
      const { host } = attack;
      for (const path of ['services', 'instances', 'logs', 'run', 'config.json', 'users.json', 'events.ndjson']) {
        await attack.fails(`cat ${host.home}/${path} || ls ${host.home}/${path}`);
      }
      assert.deepEqual((await attack.succeeds(`ls ${host.home}`)).split('\n').sort(), ['data', 'releases', 'secrets']);
      assert.equal(await attack.succeeds(`ls ${host.home}/releases | wc -l`), '1', 'its own release');
      await attack.fails(`echo x > ${host.home}/config.json`);
      await attack.fails(`test -S ${host.home}/run/slipway.sock`);
      await attack.fails(`kill -0 ${host.daemon.pid}`);
      await attack.fails(`cat /proc/${host.daemon.pid}/environ`);
    });

    it('lets it write to its own folders, and nowhere else', async t => {
      const attack = await Attack.begin(t, level);
      await attack.succeeds('echo kept > "$SLIPWAY_DATA/file" && echo x > /tmp/file && echo x > /dev/shm/file');
      assert.equal(await attack.succeeds('cat "$SLIPWAY_SECRETS/own"'), 'secret-of-its-own');
      await attack.fails('echo x > "$SLIPWAY_SECRETS/own"');
      await attack.fails('echo x > server.js');
      await attack.fails('rm server.js');
      await attack.fails('chmod u+w . && echo x > other.js');
      for (const folder of ['/', '/etc', '/usr', '/var', '/home', '/root', '/opt', '/srv']) {
        await attack.fails(`echo x > ${folder}/slipway-escape`);
        assert.equal(existsSync(join(folder, 'slipway-escape')), false);
      }
      await attack.host.client.call('POST /v1/services/:name/restart', { params: { name: 'attacker' }, body: {} });
      const after = await attack.host.until('attacker', 'another process', ({ instances: [one] }) => {
        return one?.state === 'ready' && one.pid !== attack.pid;
      });
      const again = new (Attack as unknown as new (...args: unknown[]) => Attack)(
        attack.host,
        after.instances[0]?.port,
        after.instances[0]?.pid,
        attack.victim,
      );
      assert.equal(await again.succeeds('cat "$SLIPWAY_DATA/file"'), 'kept', 'data stays');
      await again.fails('cat /tmp/file');
    });

    it('gives it no privileges, and no way to any', async t => {
      const attack = await Attack.begin(t, level);
      const status = await attack.succeeds('cat /proc/self/status');
      assert.match(status, /^NoNewPrivs:\s1$/m);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        assert.match(status, new RegExp(`^${set}:\\s0+$`, 'm'));
      assert.match(status, /^Groups:\s*(\d+\s*)?$/m);
      assert.match(await attack.succeeds('id -u'), /^(19|20)\d{8}$/);
      await attack.fails('mount -t tmpfs none /tmp');
      await attack.fails('chroot / /bin/true');
      await attack.fails('nsenter --target 1 --mount /bin/true');
      await attack.fails('su -c true');
      await attack.fails('cp /bin/sh /tmp/sh && chown 0 /tmp/sh');
      // A setuid program runs, but as nobody else.
      const setuid = await attack.succeeds('find /usr/bin /bin -perm -4000 -user root 2>/dev/null | head -n 1');
      if (setuid !== '') await attack.fails(`${setuid} --definitely-wrong </dev/null && cat /etc/shadow`);
      await attack.fails('cat /etc/shadow');
    });

    it('holds it in its cgroup', async t => {
      const attack = await Attack.begin(t, level, { limits: { pids: 64 } });
      const { backend } = await attack.host.client.call('GET /v1/host', {});
      if (backend === 'none') return t.skip('no cgroups here');
      await attack.fails(
        'for f in $(find /sys/fs/cgroup -maxdepth 3 -name cgroup.procs -o -maxdepth 3 -name tasks); do echo $$ > "$f" && exit 0; done; exit 1',
      );
      const own = readFileSync(`/proc/${attack.pid}/cgroup`, 'latin1');
      assert.match(own, /slipway-[0-9a-f]{8}\/attacker\/attacker\.0\.r1/);
    });

    it('lets nothing of the launch be seen: neither secrets on a command line, nor the daemon’s environment', async t => {
      const attack = await Attack.begin(t, level, { env: { LD_PRELOAD: '/nonexistent/of-its-own.so' } });
      const cmdlines = readdirSync('/proc')
        .filter(name => /^\d+$/.test(name))
        .map(name => {
          try {
            return readFileSync(`/proc/${name}/cmdline`, 'latin1');
          } catch {
            return '';
          }
        });
      assert.ok(!cmdlines.some(text => /secret-of|token-of/.test(text)));
      const environment = await attack.succeeds('env');
      assert.match(environment, /^LD_PRELOAD=\/nonexistent\/of-its-own\.so$/m);
      assert.doesNotMatch(environment, /SLIPWAY_HELD|NODE_OPTIONS|^SHLVL/m);
      const log = readFileSync(join(attack.host.home, 'logs/attacker/0.log'), 'utf8');
      // The loader complains in each program that it is given to: only in those that run as the instance.
      assert.doesNotMatch(log, /unshare|setpriv|mount|bwrap/);
    });

    it('runs exec probes inside, too', async t => {
      const liveness = { exec: ['/bin/sh', '-c', 'id -u > /tmp/probed-by; test -e server.js'], period: '1s' };
      const attack = await Attack.begin(t, level, { probes: { liveness } });
      const probed = await eventually('a probe', async () => {
        const { status, stdout } = await attack.run('cat /tmp/probed-by');
        // The file is there before the number is.
        return status === 0 && /^\d+$/.exec(stdout.trim())?.[0];
      });
      assert.equal(probed, await attack.succeeds('id -u'));
    });

    it('tells exits and signals as they are', async t => {
      const host = await TestHost.create(t);
      await host.start();
      const once = { restart: { policy: 'never' }, port: false, isolation: { level } };
      await host.apply({
        seven: { package: appPackage, command: ['/bin/sh', '-c', 'exit 7'], ...once },
        term: { package: appPackage, command: ['/bin/sh', '-c', 'kill -TERM $$$$; sleep 9'], ...once },
        polite: {
          package: appPackage,
          command: ['/bin/sh', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done'],
          ...once,
        },
      });
      const ended = (name: string) => host.until(name, 'its end', ({ instances: [one] }) => one?.state === 'failed');
      assert.match((await ended('seven')).instances[0]?.reason ?? '', /^exited 7/);
      assert.match((await ended('term')).instances[0]?.reason ?? '', /^killed by SIGTERM/);
      await host.ready('polite');
      await host.client.call('POST /v1/services/:name/stop', { params: { name: 'polite' }, body: {} });
      await host.until('polite', 'its end', ({ state }) => state === 'stopped');
      assert.deepEqual(readdirSync(join(host.home, 'tmp')), [], 'temporary folders are gone');
      assert.deepEqual(
        readdirSync(join(host.home, 'run/sandbox')).filter(name => /\.r\d+\./.test(name)),
        [],
      );
    });

    it('works for Python and Java, wherever they are installed', async t => {
      const python = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
        encoding: 'utf8',
      }).stdout?.trim();
      const java = spawnSync('sh', ['-c', 'readlink -f "$(command -v java)"'], { encoding: 'utf8' }).stdout?.trim();
      const host = await TestHost.create(t);
      await host.start();
      const folder = join(host.home, 'pkg');
      mkdirSync(folder);
      const fixtures = fileURLToPath(new URL('../fixtures/runtimes', import.meta.url));
      writeFileSync(join(folder, 'server.py'), readFileSync(join(fixtures, 'server.py')));
      writeFileSync(join(folder, 'Server.java'), readFileSync(join(fixtures, 'java/Server.java')));
      const services: Record<string, unknown> = {};
      const common = { package: folder, isolation: { level } };
      if (python) services['py'] = { ...common, command: [python, 'server.py'], route: { path: '/py' } };
      if (java)
        services['jvm'] = {
          ...common,
          command: [java, 'Server.java'],
          limits: { memory: '512Mi' },
          route: { path: '/jvm' },
        };
      if (Object.keys(services).length === 0) return t.skip('neither python3 nor java is installed');
      await host.apply(services);
      for (const name of Object.keys(services)) assert.equal((await host.ready(name)).state, 'ready', name);
    });
  });
}

describe('isolation', () => {
  it('that can’t be given keeps an instance from starting, and says why', {
    skip: process.getuid?.() !== 0 && 'needs root to become somebody else',
  }, async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: { package: appPackage, isolation: { level: 'standard', user: 'nobody-of-that-name' } } });
    const { instances } = await host.until('app', 'a failure', ({ instances: [one] }) => one?.state === 'backoff');
    assert.match(instances[0]?.reason ?? '', /cannot run as the user nobody-of-that-name: this host has no such user/);
  });

  it('of a strict service may be without any network but its own', {
    skip: support.strict === true ? false : support.strict,
  }, async t => {
    const host = await TestHost.create(t);
    await host.start();
    const command = ['/bin/sh', '-c', 'cat /proc/net/dev; echo up; exec sleep 1000'];
    await host.apply({
      app: { package: appPackage, command, port: false, isolation: { level: 'strict', network: 'loopback' } },
    });
    await host.ready('app');
    const log = readFileSync(join(host.home, 'logs/app/0.log'), 'utf8');
    assert.deepEqual(
      [...log.matchAll(/^\s*(\w+):/gm)].map(([, name]) => name),
      ['lo'],
    );
  });

  it('without a network leaves a service its socket, through which it is routed to and probed', {
    skip: support.strict === true ? false : support.strict,
  }, async t => {
    const host = await TestHost.create(t);
    await host.start();
    const probes = { readiness: { http: '/healthz', period: '50ms' } };
    const isolation = { level: 'strict', network: 'loopback' };
    await host.apply({ app: { package: appPackage, socket: {}, route: '/', probes, isolation } });
    const { instances } = await host.ready('app');
    assert.equal(instances[0]?.port, undefined);
    assert.equal((await host.ask('/')).service, 'app');
  });

  it('does not let an instance have the router talk to a socket that is not its own', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const command = [
      'node',
      '-e',
      `const { symlinkSync, unlinkSync } = require('fs');
      require('http').createServer((request, response) => {
        if (request.url === '/swap') {
          unlinkSync(process.env.SOCKET);
          symlinkSync(process.env.TARGET, process.env.SOCKET);
        }
        response.setHeader('Connection', 'close').end('mine');
      }).listen(process.env.SOCKET)`,
    ];
    const env = { TARGET: join(host.home, 'run', 'slipway.sock') };
    await host.apply({ app: { package: appPackage, command, env, socket: {}, route: '/' } });
    await host.ready('app');
    assert.equal((await host.request('/swap')).body, 'mine');
    const { status, body } = await host.request('/v1/host');
    assert.equal(status, 502, body);
  });
});
