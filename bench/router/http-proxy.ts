/** The library that Node's users know, from npm, with the agent that makes it keep connections. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReverseProxy } from './proxy.ts';
import { freePort, startServer } from './server.ts';

const program = `
const { randomUUID } = require('node:crypto');
const { Agent, createServer } = require('node:http');
const [port, ...upstreams] = process.argv.slice(2);
const targets = upstreams.map(upstream => 'http://127.0.0.1:' + upstream);
const proxy = require('http-proxy').createProxyServer({ agent: new Agent({ keepAlive: true }), xfwd: true });
proxy.on('error', (error, request, response) => response.writeHead(502).end());
let turn = 0;
const server = createServer((request, response) => {
  request.headers['x-request-id'] = randomUUID();
  turn = (turn + 1) % targets.length;
  proxy.web(request, response, { target: targets[turn] });
});
server.keepAliveTimeout = 120_000;
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 8192 });
`;

/** @param folder to install into, empty */
export function installHttpProxy(folder: string): ReverseProxy {
  const name = 'http-proxy';
  const script = join(folder, 'proxy.cjs');
  mkdirSync(folder);
  try {
    writeFileSync(join(folder, 'package.json'), '{}');
    const options = ['--prefix', folder, '--no-audit', '--no-fund', '--no-save', '--loglevel', 'error'];
    execFileSync('npm', ['install', ...options, 'http-proxy@1.18'], { stdio: 'ignore' });
  } catch {
    return { name, missing: 'npm could not install it', start: () => Promise.reject() };
  }
  writeFileSync(script, program);
  return {
    name,
    async start(setup) {
      const port = await freePort();
      const args = ['--no-deprecation', script, ...[port, ...setup.upstreams].map(String)];
      return startServer({ command: process.execPath, args, port, folder: setup.folder });
    },
  };
}
