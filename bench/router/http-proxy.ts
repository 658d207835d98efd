/** The library that Node's users know, with the agent that makes it keep connections. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { ReverseProxy } from './proxy.ts';
import { freePort, startServer } from './server.ts';

const library = createRequire(import.meta.url).resolve('http-proxy');

const program = `
const { randomUUID } = require('node:crypto');
const { Agent, createServer } = require('node:http');
const [port, ...upstreams] = process.argv.slice(2);
const targets = upstreams.map(upstream => 'http://127.0.0.1:' + upstream);
const proxy = require(${JSON.stringify(library)}).createProxyServer({ agent: new Agent({ keepAlive: true }), xfwd: true });
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

export const httpProxy: ReverseProxy = {
  name: 'http-proxy',
  async start({ folder, upstreams }) {
    const port = await freePort();
    const script = join(folder, 'proxy.cjs');
    writeFileSync(script, program);
    const args = ['--no-deprecation', script, ...[port, ...upstreams].map(String)];
    return startServer({ command: process.execPath, args, port, folder });
  },
};
