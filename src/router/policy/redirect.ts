/**
 * Where a redirect leads.
 *
 * - What a client sends fills placeholders only after it was checked or encoded: it can't end the field, nor turn a path
 *   into another host.
 */

export interface RedirectFacts {
  readonly scheme: 'http' | 'https';
  /** In lower case and without a port; it may be empty. */
  readonly host: string;
  /** Path and query. */
  readonly uri: string;
}

/** Narrower than what a Host may be. */
const safeHost = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/;

/** What may stand for itself in a path or query (RFC 3986, sections 3.3 and 3.4), and escapes that are there already. */
const unsafe = /[^\w.~:/?@!$&'()*+,;=%-]/g;

/**
 * The value of Location.
 * @param to with `{scheme}`, `{host}`, `{path}` and `{uri}`; begins with a scheme or a slash
 * @returns `undefined` where the host is needed, and is none that can be shown to anyone
 */
export function redirectLocation(to: string, { scheme, host, uri }: RedirectFacts): string | undefined {
  if (to.includes('{host}') && !safeHost.test(host)) return undefined;
  const safe = uri.startsWith('/') ? uri.replace(unsafe, encoded) : '/'; // The other form is `*`.
  const facts: Readonly<Record<string, string>> = { scheme, host, uri: safe, path: safe.split('?', 1)[0] as string };
  const location = to.replace(/\{(scheme|host|path|uri)\}/g, (_, name: string) => facts[name] as string);
  // Two slashes in front would begin a host.
  return location.replace(/^\/{2,}/, '/');
}

function encoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
