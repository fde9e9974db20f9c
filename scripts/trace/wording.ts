// The wording of the lines of a trace.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SystemCall, TraceEvent } from '../../src/sockets/trace-event.ts';
import { root } from '../steps.ts';

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

/** How many characters of a line of code are shown. */
const MOST = 60;

const files = new Map<string, string[]>();

/** The place of an event, `single3.ts:15`, and the code of that line without its comment. */
export function sourceOf({ at }: TraceEvent): { place: string; text: string } {
  if (at === undefined) return { place: '?', text: '' };
  const [path = '', line] = at.split(':');
  const lines = files.get(path) ?? readFileSync(join(root, path), 'utf8').split('\n');
  files.set(path, lines);
  const text = (lines[Number(line) - 1] ?? '').replace(/ \/\/ .*/, '').trim();
  return {
    place: `${basename(path)}:${line}`,
    text: text.length > MOST ? `${text.slice(0, MOST - 1)}…` : text,
  };
}
