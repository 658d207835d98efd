/** nginx twice: as a peer, and as the upstream instances, for which it is the fastest there is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from '../support/installed.ts';
import type { ReverseProxy, Running } from './proxy.ts';
import { sizes } from './scenarios.ts';
import { freePort, startServer } from './server.ts';

export const nginx: ReverseProxy = {
  name: 'nginx',
  ...onPath('nginx'),
  start: ({ folder, upstreams }) => startProxy(folder, upstreams, ''),
};

/** By TLS, with HTTP/2. */
export function secureNginx({ cert, key }: { readonly cert: string; readonly key: string }): ReverseProxy {
  return {
    ...nginx,
    start: ({ folder, upstreams }) =>
      startProxy(
        folder,
        upstreams,
        'ssl http2',
        `ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3;`,
      ),
  };
}

async function startProxy(
  folder: string,
  upstreams: readonly number[],
  parameters: string,
  tls = '',
): Promise<Running> {
  const port = await freePort();
  return startNginx(
    folder,
    port,
    `upstream instances {
        ${upstreams.map(upstream => `server 127.0.0.1:${upstream};`).join(' ')}
        keepalive 512; keepalive_requests 1000000000; keepalive_timeout 120s;
      }
      server {
        listen 127.0.0.1:${port} ${parameters} backlog=8192;
        ${tls}
        location / {
          proxy_pass http://instances;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $remote_addr;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header X-Forwarded-Host $http_host;
          proxy_set_header X-Request-Id $request_id;
          proxy_max_temp_file_size 0;
          client_body_buffer_size 32k;
        }
      }`,
  );
}

/**
 * Answers what {@link sizes} names by files, and a POST by 128 bytes once its body has arrived. The smallest comes from
 * memory, with the fields that a file would have: where requests are many, the instances are not to take the core that
 * they share with the load.
 */
export async function startInstance(folder: string): Promise<Running> {
  const files = join(folder, 'files');
  mkdirSync(files, { recursive: true });
  for (const [path, size] of Object.entries(sizes)) writeFileSync(join(files, path), 'x'.repeat(size));
  const port = await freePort();
  return startNginx(
    folder,
    port,
    `open_file_cache max=10 inactive=1h; open_file_cache_valid 1h; sendfile on;
    server {
      listen 127.0.0.1:${port} backlog=8192;
      root ${files};
      client_body_buffer_size 32k;
      location = /128B {
        add_header Last-Modified "Thu, 01 Jan 2026 00:00:00 GMT"; add_header ETag '"1-80"'; add_header Accept-Ranges bytes;
        return 200 "${'x'.repeat(sizes['128B'])}";
      }
      location /route/ { rewrite ^ /128B last; }
      # A mirrored request is read whole before it is answered; the answer to a POST for a file would be a 405.
      location = /post { mirror /mirror; error_page 405 =200 @posted; root ${files}; }
      location = /mirror { internal; return 204; }
      location @posted { return 200 "${'x'.repeat(sizes.post)}"; }
    }`,
  );
}

async function startNginx(folder: string, port: number, http: string): Promise<Running> {
  const config = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    kind => `${kind}_temp_path ${folder}/${kind};`,
  );
  writeFileSync(
    config,
    `daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid ${folder}/pid; error_log stderr error;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 16384; }
    http {
      access_log off; tcp_nodelay on;
      keepalive_timeout 120s; keepalive_requests 1000000000;
      ${temporary.join(' ')}
      ${http}
    }`,
  );
  return startServer({ command: 'nginx', args: ['-e', 'stderr', '-p', folder, '-c', config], port, folder });
}
