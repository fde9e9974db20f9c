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

/** The number of guests: as many as accept4 and prefork4 have workers, so that each worker serves one. */
const GUESTS = 4;
/** The number of lines that each sends before a recording: then V8 has compiled what the server does with the lines of C. */
const GUEST_LINES = 200;

/** How a recording differs from those of the pictures. */
export type Manner = {
  /** How long the scenario may take while clients wait for an answer, in milliseconds. */
  patience?: number;
  /** C reads nothing before this text is in the trace. */
  hold?: string;
};

/** Runs the scenario with a step. For a picture, that takes two seconds. */
export async function record(
  step: Step,
  { patience = DURATION, hold = '' }: Manner = {},
): Promise<Recording> {
  const { name, path } = step;
  const level = levelOf(name);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-'));
  const trace = join(folder, 'trace.jsonl');
  const lead = async (port: number) => {
    await greet(name, port, GUEST_LINES);
    const mayRead = async () => {
      while (!readFileSync(trace, 'utf8').includes(hold)) await sleep(20);
    };
    return play(port, level, { patience, mayRead, computes: computes(name) });
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove); // on Ctrl-C, too: see program.ts
  try {
    const played = await serving(
      path,
      async ({ port, child }) => {
        const ended = once(child, 'exit').then(() => {
          throw new Error(`Cannot draw ${name}: it ended before the scenario did`);
        });
        return Promise.race([lead(port), ended]);
      },
      { args: ['--quiet'], nodeArgs: watching(step), env: { TRACE: trace, TRACE_LIGHT: '1' } },
    );
    return { step: name, platform: process.platform, ...played, ...readTrace(trace) };
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** The options for Node that add to the trace what a ring, or Node's own loop, does. Only some steps wait there. */
export function watching({ path, code }: Step): string[] {
  return watcher(path, code).flatMap((file) => ['--import', join(import.meta.dirname, file)]);
}

/** Whether a step computes numbers, and A asks for one. */
export function computes(step: string): boolean {
  return expectations.get(step)?.get('computing for one user delays no other') !== '–';
}

/** Connects guests before the scenario, each of which sends so many lines: see {@link visit}. */
export async function greet(step: string, port: number, lines = 1): Promise<void> {
  if (expectations.get(step)?.get('serves two at once') !== '✔') return;
  await visit(port, levelOf(step), { count: GUESTS, lines, computes: computes(step) });
}

/** The modules that add the ring, or Node's loop, to the trace. */
function watcher(path: string, code: string): string[] {
  if (path.startsWith('src/completion/')) return ['watch-ring.ts'];
  return code.includes("from 'node:net'") ? ['watch-node.ts'] : [];
}

function readTrace(path: string): Pick<Recording, 'calls' | 'waits' | 'callbacks'> {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const events: (TraceEvent | Callback)[] = lines.map((line) => JSON.parse(line));
  // The trace has two lines for each call and each wait, one at its begin and one at its end, and one line for each callback.
  const keyOf = (event: TraceEvent | Callback) =>
    'callback' in event ? event : `${event.pid} ${event.thread} ${event.id}`;
  const known = [...new Map(events.map((event) => [keyOf(event), event])).values()];
  return {
    calls: known.filter((event) => 'call' in event).sort((a, b) => a.begin - b.begin),
    waits: known.filter((event) => 'wait' in event && 'fd' in event) as Wait[],
    callbacks: known.filter((event) => 'callback' in event),
  };
}
