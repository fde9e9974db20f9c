// The server that a client connects to, from its command line, and the limit of its answers.

import { isIPv6 } from 'node:net';
import { fail } from '../cli/fail.ts';
import { numberOrFail } from '../cli/parse.ts';
import { Address } from '../sockets/socket.ts';

/** The most bytes of one answer. A server may send an answer that never ends. */
export const MAX_ANSWER = 1024 * 1024;

/** The port to connect to. If the text is no port, the program ends with one line. */
export function readPort(text: string): number {
  return numberOrFail(text, 'Cannot connect to port', { min: 1, max: 65535 });
}

/** The address in `HOST PORT`. With fewer or more words, the program ends with the usage. */
export function readTarget(words: readonly string[], usage: string): Address {
  const [host, port, ...more] = words;
  if (!host || port === undefined || more.length > 0) return fail(usage);
  return new Address(host, readPort(port));
}

/**
 * The parts of `[user]@host[:port]`, or undefined if the text has another form. An IPv6 address may be in brackets, and must
 * be if a port follows: `ada@[::1]:7979`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
 */
export function splitUserAtHost(text: string): { user: string; host: string; port?: string } | undefined {
  const [, user, place] = /^(.*)@(.+)$/.exec(text) ?? [];
  if (user === undefined || place === undefined) return undefined;
  if (isIPv6(place)) return { user, host: place };
  const [, address, name, port] = /^(?:\[(.+)\]|([^:[\]]+))(?::(.*))?$/.exec(place) ?? [];
  const host = name ?? (isIPv6(address ?? '') ? address : undefined);
  return host === undefined ? undefined : { user, host, ...(port !== undefined && { port }) };
}
