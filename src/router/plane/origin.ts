/** What an instance is told about where a request comes from: the same for all requests of a connection. */

/** Whole lines, with their ends. */
export function originLines(address: string | undefined, scheme: 'http' | 'https'): string {
  return `X-Forwarded-For: ${plainAddress(address)}\r\nX-Forwarded-Proto: ${scheme}\r\n`;
}

/** An IPv4 client on a socket for both is told as what it is. */
function plainAddress(address = ''): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
