/** What an instance is told about where a request comes from: the same for all requests of a connection. */

/** Whole lines, with their ends. @param address as {@link plainAddress} gives it */
export function originLines(address: string, scheme: 'http' | 'https'): string {
  return `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${scheme}\r\n`;
}

/** An IPv4 client on a socket for both is told as what it is. */
export function plainAddress(address = ''): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
