// Runs the scenario with a step, and reads the trace of the step and the logs of the clients.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectations } from '../../src/behaviours/expectations.ts';
import { serving } from '../../src/behaviours/server.ts';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';
import { levelOf, type Step } from '../steps.ts';
import type { Callback, Recording, Wait } from './drawing/recording.ts';
import { DURATION, play, visit } from './scenario.ts';

/** The number of guests. It is that of the workers of accept4 and prefork4, so that each worker serves one. */
const GUESTS = 4;

/** How a recording differs from those of the pictures. */
export type Manner = {
  /** How long the scenario may take while clients still wait for an answer, in milliseconds. */
  patience?: number;
  /** C reads nothing before this text is in the trace. */
  hold?: string;
};

/** Runs the scenario with a step. For a picture, that takes two seconds. */
export async function record(
  { name, path, code }: Step,
  { patience = DURATION, hold = '' }: Manner = {},
): Promise<Recording> {
  const level = levelOf(name);
  const computes = expectations.get(name)?.get("one user's number keeps no other waiting") !== '–';
  const folder = mkdtempSync(join(tmpdir(), 'timeline-'));
  const trace = join(folder, 'trace.jsonl');
  const lead = async (port: number) => {
    if (expectations.get(name)?.get('serves two at once') === '✔') await visit(port, level, GUESTS, computes);
    const mayRead = async () => {
      while (!readFileSync(trace, 'utf8').includes(hold)) await sleep(20);
    };
    return play(port, level, patience, mayRead, computes);
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove); // on Ctrl-C, too: see program.ts
  const nodeArgs = watcher(path, code).flatMap((file) => ['--import', join(import.meta.dirname, file)]);
  try {
    const played = await serving(
      path,
      async ({ port, child }) => {
        const ended = once(child, 'exit').then(() => {
          throw new Error(`Cannot draw ${name}: it has ended in the middle`);
        });
        return Promise.race([lead(port), ended]);
      },
      { args: ['--quiet'], nodeArgs, env: { TRACE: trace } },
    );
    return { step: name, platform: process.platform, ...played, ...readTrace(trace) };
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** The module that adds to the trace what the ring, or Node's loop, of a step does. */
function watcher(path: string, code: string): string[] {
  if (path.startsWith('src/completion/')) return ['watch-ring.ts'];
  return code.includes("from 'node:net'") ? ['watch-node.ts'] : [];
}

function readTrace(path: string): Pick<Recording, 'calls' | 'waits' | 'callbacks'> {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const events: (TraceEvent | Callback)[] = lines.map((line) => JSON.parse(line));
  // The trace has each call and wait twice: when it begins, and when it ends. It has each callback once.
  const keyOf = (event: TraceEvent | Callback) =>
    'callback' in event ? event : `${event.pid} ${event.thread} ${event.id}`;
  const known = [...new Map(events.map((event) => [keyOf(event), event])).values()];
  return {
    calls: known.filter((event) => 'call' in event).sort((a, b) => a.begin - b.begin),
    waits: known.filter((event) => 'wait' in event && 'fd' in event) as Wait[],
    callbacks: known.filter((event) => 'callback' in event),
  };
}
