import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from '../support/installed.ts';
import type { ReverseProxy } from './proxy.ts';
import { freePort, startServer } from './server.ts';

export const haproxy: ReverseProxy = {
  name: 'HAProxy',
  ...onPath('haproxy'),
  async start({ folder, upstreams }) {
    const port = await freePort();
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(
      config,
      `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 120s
  timeout server 120s
  timeout http-keep-alive 120s
frontend all
  bind 127.0.0.1:${port} backlog 8192
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  unique-id-format %{+X}o%pid%rt%ts
  unique-id-header X-Request-Id
  default_backend instances
backend instances
  balance roundrobin
${upstreams.map((upstream, at) => `  server s${at} 127.0.0.1:${upstream}\n`).join('')}`,
    );
    return startServer({ command: 'haproxy', args: ['-db', '-f', config], port, folder });
  },
};
