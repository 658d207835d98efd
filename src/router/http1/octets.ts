/** What each octet may be part of. Tables, so that a scan costs one lookup an octet. */

export const octet = { htab: 9, lf: 10, cr: 13, space: 32, colon: 58, semicolon: 59 } as const;

/** RFC 9110, section 5.6.2. */
export const isToken = table(code => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)));

/** RFC 9110, section 5.5: field-vchar, obs-text, and the whitespace between them. */
export const isText = table(code => code === octet.htab || (code >= octet.space && code !== 127));

/**
 * Visible ASCII without `#`: a fragment is never sent (RFC 9110, section 7.1), and some servers take octets above 127
 * for whitespace. That is more than RFC 3986 allows, as browsers send more.
 */
export const isTarget = table(code => code > octet.space && code < 127 && code !== 35);

/** A registered name or IPv4 address of RFC 3986, section 3.2.2, without the comma, which makes a list of it. */
export const isHostName = table(code => /[\w.~%!$&'()*+;=-]/.test(String.fromCharCode(code)));

/** Within the brackets of an IPv6 address. */
export const isAddress = table(code => /[0-9A-Fa-f:.]/.test(String.fromCharCode(code)));

export const isDigit = table(code => code >= 48 && code <= 57);

/** Lower case for letters, else the octet itself. */
export const lower = Uint8Array.from({ length: 256 }, (_, code) => (code >= 65 && code <= 90 ? code + 32 : code));

/** The value of a hexadecimal digit; 255 for what is none. */
export const hexValue = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 255 : value;
});

/** Where the text ends that begins at `at`: at the first octet that isn't {@link isText}, or at `limit`. */
export function textEnd(bytes: Uint8Array, at: number, limit: number): number {
  let end = at;
  // Comparing takes less time than looking up does.
  for (let code: number; end < limit; end++) {
    code = bytes[end] as number;
    if (code < octet.space ? code !== octet.htab : code === 127) break;
  }
  return end;
}

function table(accepts: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (accepts(code) ? 1 : 0));
}
