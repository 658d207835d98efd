/** The way to https, for a request that came by plain HTTP. */

/** Certificates are asked for by plain HTTP (RFC 8555, section 8.3): what leads there stays as it is. */
const challenge = '/.well-known/acme-challenge/';

export function mayStayPlain(path: string): boolean {
  return path.startsWith(challenge);
}

/** @param hostName without a port, and not empty */
export function secureLocation(hostName: string, path: string, port: number): string {
  return `https://${hostName}${port === 443 ? '' : `:${port}`}${path}`;
}

/** A whole response. 308 keeps the method and the body. */
export function redirection(location: string, date: string, fields: string): string {
  return `HTTP/1.1 308 Permanent Redirect\r\nLocation: ${location}\r\nContent-Length: 0\r\nDate: ${date}\r\n${fields}\r\n`;
}
