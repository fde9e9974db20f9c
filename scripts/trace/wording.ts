// The wording of a trace. This file does no I/O, so a page in a browser can import it.

import type { SystemCall } from '../../src/sockets/trace-event.ts';

/** A time in microseconds as text: `2.1 s`, `13 ms`, `0.02 ms`. */
export function duration(microseconds: number): string {
  if (microseconds >= 100_000) return `${(microseconds / 1_000_000).toFixed(1)} s`;
  const milliseconds = microseconds / 1000;
  return `${milliseconds.toFixed(milliseconds < 1 ? 2 : 0)} ms`;
}

/** The result of a call as text. */
export function outcome({ call, result = 0, error }: SystemCall): string {
  if (error) return error;
  if (call === 'accept') return `connection ${result}`;
  if (call === 'recv' && result === 0) return 'end of stream';
  if (call === 'recv' || call === 'send') return `${result} bytes`;
  if (call === 'poll' || call === 'epoll_wait') return `${result} ready`;
  return '';
}

/** The names of calls with their counts, in the order in which they first appear: `socket, 5 setsockopt, bind`. */
export function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Array.from(counts, ([name, count]) => (count > 1 ? `${count} ${name}` : name)).join(', ');
}
