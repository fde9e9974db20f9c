// The line of source that an event names.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';
import { root } from '../steps.ts';

/** How much of a line of source is shown, in characters. */
const MOST = 60;

const files = new Map<string, string[]>();

/** The line of an event: its file and number, `single3.ts:15`, and what stands there, without a comment behind it. */
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
