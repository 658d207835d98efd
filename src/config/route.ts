/** Routes in their short form, `host/path`, and the one spelling that each host and path has. */

import type { RouteSpec } from '../domain/route-spec.ts';

const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

/** `a.example`, or `*.example` for whatever ends in `.example`. Host names are ASCII (RFC 1123, section 2.1). */
export const hostPattern = new RegExp(`^(\\*\\.)?${label}(\\.${label})*$`);

/** Absolute, of segments that are neither empty nor dots, without a query; a slash at the end is no matter. */
export const pathPattern = /^\/(?:(?!\.{1,2}(?:\/|$))[^\s/?#\\]+(?:\/|$))*$/;

export interface RouteText {
  readonly host?: string;
  readonly path: string;
}

/** `a.example/api`, `a.example`, `/api`. Host and path are not checked yet. */
export function splitRoute(text: string): RouteText {
  const slash = text.indexOf('/');
  if (slash === -1) return { host: text, path: '/' };
  return slash === 0 ? { path: text } : { host: text.slice(0, slash), path: text.slice(slash) };
}

/** Prefixes are of whole segments, so that `/api/` says no more than `/api`. */
export function normalizePath(path: string): string {
  return path === '/' ? path : path.replace(/\/$/, '');
}

/** `a.example/api`; `*` stands for any host. */
export function formatRoute({ host = '*', path }: Pick<RouteSpec, 'host' | 'path'>): string {
  return `${host}${path}`;
}
