/**
 * What the router listens on, in one text: `127.0.0.1:8080`, `https://0.0.0.0:443`, `tcp://127.0.0.1:5432`, and with
 * the PROXY protocol in front of each connection `http+proxy://…`, `https+proxy://…`, `tcp+proxy://…`. An address
 * without a scheme is of plain HTTP.
 */

export interface Listen {
  readonly scheme: 'http' | 'https' | 'tcp';
  readonly proxyProtocol: boolean;
  /** `host:port`. */
  readonly address: string;
}

const listenPattern = /^(?:(http|https|tcp)(\+proxy)?:\/\/)?([^\s/?#]+)$/;

/** `undefined` where it is none; the address itself is not looked at. */
export function parseListen(text: string): Listen | undefined {
  const match = listenPattern.exec(text);
  if (!match) return undefined;
  const [, scheme = 'http', proxy, address = ''] = match;
  return { scheme: scheme as Listen['scheme'], proxyProtocol: proxy !== undefined, address };
}

/** Equal listens have equal texts. */
export function formatListen({ scheme, proxyProtocol, address }: Listen): string {
  if (scheme === 'http' && !proxyProtocol) return address;
  return `${scheme}${proxyProtocol ? '+proxy' : ''}://${address}`;
}
