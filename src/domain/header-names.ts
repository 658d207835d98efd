/**
 * What a message is framed by, what concerns one connection only (RFC 9110, section 7.6.1), and where a request goes, are
 * the router's own to say: no rule changes them. In lower case.
 */
const own = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a rule may set, add or remove fields of this name. */
export function isEditable(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) && !own.has(name.toLowerCase());
}
