/** Where a person's browser finds the routes. */
import { formatAddress, parseAddress } from '../config/address.ts';
import type { Host, Service } from './api-types.ts';

export function urlsOf(services: readonly Service[], { router }: Pick<Host, 'router'>): string[] {
  const urls = router.listen.flatMap(address =>
    services.flatMap(({ routes }) => routes.map(({ host, path }) => urlOf(address, host, path))),
  );
  return [...new Set(urls)];
}

function urlOf(address: string, host: string | undefined, path: string): string {
  const listening = parseAddress(address) ?? { host: 'localhost', port: 80 };
  const anywhere = listening.host === '0.0.0.0' || listening.host === '::';
  const name = host ?? (anywhere ? 'localhost' : listening.host);
  const { host: authority } = new URL(`http://${formatAddress({ host: name, port: listening.port })}`);
  return `http://${authority}${path}`;
}
