import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from '../support/installed.ts';
import type { ReverseProxy } from './proxy.ts';
import { freePort, startServer } from './server.ts';

export const caddy: ReverseProxy = {
  name: 'Caddy',
  ...onPath('caddy'),
  async start({ folder, upstreams }) {
    const port = await freePort();
    const config = join(folder, 'Caddyfile');
    writeFileSync(
      config,
      `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy ${upstreams.map(upstream => `127.0.0.1:${upstream}`).join(' ')} {
    lb_policy round_robin
    header_up X-Request-Id {http.request.uuid}
    transport http {
      keepalive_idle_conns 1024
      keepalive_idle_conns_per_host 512
    }
  }
}
`,
    );
    const env = { GOMAXPROCS: '1', HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const args = ['run', '--config', config, '--adapter', 'caddyfile'];
    return startServer({ command: 'caddy', args, port, folder, env });
  },
};
