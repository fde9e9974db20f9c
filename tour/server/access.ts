// Access to the tour, which starts processes: only for a page that it has served itself, in a browser on this machine.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The parts of a request that decide whether the server refuses it. */
export type Asking = { method: string; headers: IncomingHttpHeaders };

/**
 * Why the server refuses a request; undefined if it does not. The cookie has to hold `secret`.
 *
 * A page of another server can also send requests to 127.0.0.1, and its host name can resolve to this address. So both the host
 * in the request and the origin of the page have to be one of these names.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site
 */
export function refusal({ method, headers }: Asking, port: number, secret: string): string | undefined {
  return (
    elsewhere({ method, headers }, port) ??
    (hasCookie(headers, port, secret) ? undefined : 'no cookie of this tour')
  );
}

/** Why the server refuses a request, whatever its cookie: for the address that sets the cookie. */
export function elsewhere({ method, headers }: Asking, port: number): string | undefined {
  const own = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = '', origin } = headers;
  const site = headers['sec-fetch-site'];
  if (!own.includes(host)) return 'another Host';
  if (origin === undefined ? method !== 'GET' : !own.some((name) => origin === `http://${name}`))
    return 'another Origin';
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && method === 'GET'))
    return 'another site';
  return undefined;
}

/**
 * The cookie. No script can read it, and browsers do not send it with a request of another site. Its name has the port, because
 * one cookie is for all ports.
 */
export function cookie(port: number, secret: string): string {
  return `${nameOf(port)}=${secret}; Path=/; HttpOnly; SameSite=Strict`;
}

/** Whether two words are equal, in a time that does not depend on where they differ. */
export function isSame(a: string, b: string): boolean {
  const digest = (word: string) => createHash('sha256').update(word).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function hasCookie(headers: IncomingHttpHeaders, port: number, secret: string): boolean {
  const cookies = (headers.cookie ?? '').split('; ');
  return cookies.some(
    (one) => one.startsWith(`${nameOf(port)}=`) && isSame(one, `${nameOf(port)}=${secret}`),
  );
}

function nameOf(port: number): string {
  return `tour-${port}`;
}

/** The headers of every answer: which code may run on the page, and that no page may frame it. */
export const headers = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};
