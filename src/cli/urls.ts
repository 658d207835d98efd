/** Where a person's browser finds the routes. */
import { formatAddress, parseAddress } from '../config/address.ts';
import { parseListen } from '../domain/listen.ts';
import type { Host, Service } from './api-types.ts';

export function urlsOf(services: readonly Service[], { router }: Pick<Host, 'router'>): string[] {
  const urls = router.listen.flatMap(text => {
    const { scheme, address } = parseListen(text) ?? { scheme: 'http', address: text };
    if (scheme === 'tcp') return [];
    return services.flatMap(({ routes }) => routes.map(({ host, path }) => urlOf(scheme, address, host, path)));
  });
  return [...new Set(urls)];
}

function urlOf(scheme: 'http' | 'https', address: string, host: string | undefined, path: string): string {
  const listening = parseAddress(address) ?? { host: 'localhost', port: 80 };
  const anywhere = listening.host === '0.0.0.0' || listening.host === '::';
  const name = host ?? (anywhere ? 'localhost' : listening.host);
  const { host: authority } = new URL(`${scheme}://${formatAddress({ host: name, port: listening.port })}`);
  return `${scheme}://${authority}${path}`;
}
