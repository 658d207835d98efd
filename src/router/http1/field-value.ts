/** Fields that are seldom read, and so are looked for only where they are needed. */
import { latin1 } from './head.ts';
import { isToken, lower, octet } from './octets.ts';

/**
 * The values of all fields of a name, as one list (RFC 9110, section 5.2); `undefined` where there is none.
 * @param head was scanned, and its octets are where they were
 * @param name in lower case
 */
export function fieldValue(
  bytes: Buffer,
  { fieldsStart, end }: { readonly fieldsStart: number; readonly end: number },
  name: string,
): string | undefined {
  let list: string | undefined;
  for (let at = fieldsStart; at < end - 2; ) {
    const next = bytes.indexOf(octet.lf, at) + 1;
    if (isNamed(bytes, at, name)) {
      const colon = bytes.indexOf(octet.colon, at + name.length);
      const value = latin1(bytes, colon + 1, next - 2).replace(/^[ \t]+|[ \t]+$/g, '');
      list = list === undefined ? value : `${list}, ${value}`;
    }
    at = next;
  }
  return list;
}

function isNamed(bytes: Buffer, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (lower[bytes[at + index] as number] !== name.charCodeAt(index)) return false;
  }
  return isToken[bytes[at + name.length] as number] === 0;
}
