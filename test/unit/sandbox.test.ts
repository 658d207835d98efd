import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chainBeside, chainInto } from '../../src/processes/sandbox/chain.ts';
import type { Sandbox } from '../../src/processes/sandbox/contract.ts';
import { holdEnvironment } from '../../src/processes/sandbox/held-environment.ts';
import { mountList, parseHostMounts } from '../../src/processes/sandbox/mount-list.ts';
import { seccompFilter } from '../../src/processes/sandbox/seccomp.ts';

const tools = { unshare: '/u', nsenter: '/n', setpriv: '/s', mount: '/m', bwrap: '/b' };
const sandbox: Sandbox = {
  level: 'standard',
  user: { name: 'slipway-a', uid: 1_900_000_001, gid: 1_900_000_002 },
  capabilities: [],
  umask: 0o027,
  network: 'host',
  hidden: ['/var/lib/slipway', '/root'],
  visible: [
    { path: '/var/lib/slipway/data/a/0', writable: true },
    { path: '/var/lib/slipway/releases/d', writable: false },
    { path: '/var/lib/slipway/secrets/k', from: '/run/x y', writable: false },
  ],
  replaced: [{ path: '/tmp', by: '/var/lib/slipway/tmp/k', writable: true }],
  root: '/R',
  mountList: '/L',
  report: '/P',
  filter: '/F',
};

describe('the list of mounts', () => {
  const mountinfo = [
    '22 28 0:21 / /sys rw,nosuid,nodev - sysfs sysfs rw',
    '28 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
    '30 28 8:2 / /home rw,nosuid,nodev,relatime - ext4 /dev/sda2 rw',
    '31 28 8:3 / /var/lib/slipway/data rw - ext4 /dev/sda3 rw',
    '32 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup rw',
    '33 28 0:40 / /net rw - autofs auto rw',
    '34 28 8:4 / /srv/my\\040disk rw - xfs /dev/sdb rw',
  ].join('\n');
  const lines = mountList(sandbox, parseHostMounts(mountinfo)).trim().split('\n');

  it('shows the host’s file systems read-only, with what restricts them, and hides the rest', () => {
    assert.deepEqual(lines, [
      '/ /R none bind,ro 0 0',
      '/proc /R/proc none rbind 0 0',
      '/sys /R/sys none rbind 0 0',
      '/dev /R/dev none rbind 0 0',
      'slipway-shm /R/dev/shm tmpfs mode=1777,nosuid,nodev 0 0',
      '/home /R/home none bind,ro,nosuid,nodev,nofail 0 0',
      '/srv/my\\040disk /R/srv/my\\040disk none bind,ro,nofail 0 0',
      '/var/lib/slipway/tmp/k /R/tmp none bind 0 0',
      'slipway /R/var/lib/slipway tmpfs mode=755,nosuid,nodev,X-mount.mkdir 0 0',
      'slipway /R/root tmpfs mode=755,nosuid,nodev,X-mount.mkdir 0 0',
      '/var/lib/slipway/releases/d /R/var/lib/slipway/releases/d none bind,X-mount.mkdir,ro 0 0',
      '/run/x\\040y /R/var/lib/slipway/secrets/k none bind,X-mount.mkdir,ro 0 0',
      '/var/lib/slipway/data/a/0 /R/var/lib/slipway/data/a/0 none bind,X-mount.mkdir 0 0',
    ]);
  });
});

describe('the way into a sandbox', () => {
  const shell = { words: ['/bin/sh'], unset: 'unset PWD' };

  it('drops all privileges last, whatever the level', () => {
    for (const level of ['standard', 'strict'] as const) {
      const chain = chainInto({ ...sandbox, level }, tools, shell, '/cwd', '').inside;
      const drop = chain.lastIndexOf('/s');
      assert.deepEqual(chain.slice(drop), [
        '/s',
        '--reuid',
        '1900000001',
        '--regid',
        '1900000002',
        '--clear-groups',
        '--bounding-set=-all',
        '--inh-caps=-all',
        '--no-new-privs',
        '--',
      ]);
      assert.equal(chain.includes('/b'), level === 'strict');
    }
  });

  it('keeps the capabilities that were asked for, and no other', () => {
    const chain = chainInto({ ...sandbox, capabilities: ['NET_BIND_SERVICE'] }, tools, shell, '/', '').inside;
    assert.ok(chain.includes('--bounding-set=-all,+net_bind_service'));
    assert.ok(chain.includes('--ambient-caps=-all,+net_bind_service'));
  });

  it('is joined with the same user', () => {
    const words = chainBeside(42, sandbox, tools, '/cwd');
    assert.deepEqual(words.slice(0, 6), [
      '/n',
      '--target',
      '42',
      '--mount',
      '--root=/proc/42/root',
      '--wd=/proc/42/root/cwd',
    ]);
    assert.ok(words.includes('1900000001'));
  });
});

describe('the held environment', () => {
  it('keeps from privileged programs what would change them, and loses nothing', () => {
    const { env, giveBack } = holdEnvironment({
      A: '1',
      LD_PRELOAD: '/x "y"',
      LD_LIBRARY_PATH: '',
      GLIBC_TUNABLES: 'z',
    });
    assert.deepEqual(Object.keys(env).sort(), ['A', 'SLIPWAY_HELD_0', 'SLIPWAY_HELD_1', 'SLIPWAY_HELD_2']);
    assert.doesNotMatch(giveBack, /"y"/, 'values stay out of command lines');
    assert.match(giveBack, /export LD_PRELOAD="\$SLIPWAY_HELD_0"/);
    assert.deepEqual(holdEnvironment({ A: '1' }), { env: { A: '1' }, giveBack: '' });
  });

  it('never hands on a variable of the loader', () => {
    const name = fc.stringMatching(/^(LD_|GCONV_|LIBMOUNT_|BASH_)?[A-Z_]{1,8}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), given => {
        const { env } = holdEnvironment(given);
        assert.ok(!Object.keys(env).some(key => /^(LD_|GCONV_|LIBMOUNT_|BASH)/.test(key)));
        assert.deepEqual(Object.values(env).sort(), Object.values(given).sort());
      }),
    );
  });
});

describe('the filter of system calls', () => {
  /** What it answers to a call, by the rules of classic BPF. */
  function answer(
    filter: Buffer,
    { architecture, number, flags = 0 }: { architecture: number; number: number; flags?: number },
  ) {
    const words: Record<number, number> = { 0: number, 4: architecture, 16: flags };
    let accumulator = 0;
    for (let at = 0; at < filter.length / 8; at++) {
      const code = filter.readUInt16LE(at * 8);
      const [whenTrue, whenFalse] = [filter.readUInt8(at * 8 + 2), filter.readUInt8(at * 8 + 3)];
      const value = filter.readUInt32LE(at * 8 + 4);
      if (code === 0x20) accumulator = words[value] ?? 0;
      else if (code === 0x06) return value;
      else {
        const holds =
          code === 0x15 ? accumulator === value : code === 0x35 ? accumulator >= value : (accumulator & value) !== 0;
        at += holds ? whenTrue : whenFalse;
      }
    }
    return assert.fail('it ends without an answer');
  }

  const allow = 0x7fff0000;
  const eperm = 0x00050001;
  const x64 = { architecture: 0xc000003e };
  const arm64 = { architecture: 0xc00000b7 };

  it('refuses what concerns the host or other processes, and lets all else pass', () => {
    const filter = seccompFilter('x64');
    for (const number of [101, 165, 166, 175, 246, 272, 308, 310, 321])
      assert.equal(answer(filter, { ...x64, number }), eperm);
    for (const number of [0, 1, 2, 9, 41, 57, 59, 202, 231, 257])
      assert.equal(answer(filter, { ...x64, number }), allow);
    assert.equal(answer(seccompFilter('arm64'), { ...arm64, number: 117 }), eperm);
    assert.equal(answer(seccompFilter('arm64'), { ...arm64, number: 63 }), allow);
  });

  it('lets processes and threads be made, but no namespaces', () => {
    const filter = seccompFilter('x64');
    assert.equal(answer(filter, { ...x64, number: 56, flags: 0x003d0f00 }), allow, 'a thread');
    assert.equal(answer(filter, { ...x64, number: 56, flags: 0x10000011 }), eperm, 'a user namespace');
    assert.equal(answer(filter, { ...x64, number: 435 }), 0x00050026, 'clone3 is not there');
  });

  it('knows calls by the numbers of one architecture only', () => {
    const filter = seccompFilter('x64');
    assert.equal(answer(filter, { architecture: 0x40000003, number: 1 }), eperm, 'i386');
    assert.equal(answer(filter, { ...x64, number: 0x40000001 }), eperm, 'x32');
  });
});
