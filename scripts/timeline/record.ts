// Leads a step through the scenario, and reads what its trace and the clients tell of it.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectations } from '../../src/behaviours/expectations.ts';
import { serving } from '../../src/behaviours/server.ts';
import { levelOf, type Step } from '../steps.ts';
import type { Recording, Wait } from './drawing/recording.ts';
import { DURATION, play, visit } from './scenario.ts';

/** How many guests there are: as many as accept4 and prefork4 have workers, so that each of them has one. */
const GUESTS = 4;

/** How long those that come afterwards wait for an answer, which does not matter, in milliseconds. */
const AFTERWARDS = 300;

/** How a recording may differ from those of the pictures. */
export type Manner = {
  /** How long the scenario may take if clients still wait for an answer, in milliseconds. */
  patience?: number;
  /** C reads nothing before the trace has this in it. */
  hold?: string;
};

/** Leads a step through the scenario, which takes two seconds for a picture. */
export async function record(
  { name, path, code }: Step,
  { patience = DURATION, hold = '' }: Manner = {},
): Promise<Recording> {
  const level = levelOf(name);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-'));
  const trace = join(folder, 'trace.jsonl');
  const lead = async (port: number) => {
    if (expectations.get(name)?.get('serves two at once') === '✔') await visit(port, level, GUESTS);
    const played = await play(port, level, patience, async () => {
      while (!readFileSync(trace, 'utf8').includes(hold)) await sleep(20);
    });
    await visit(port, level, GUESTS, AFTERWARDS);
    return played;
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

/** What makes the loop of a step tell what it does, if it has one that can. */
function watcher(path: string, code: string): string[] {
  if (path.startsWith('src/completion/')) return ['watch-ring.ts'];
  if (code.includes("from 'node:net'")) return ['watch-node.ts'];
  return code.includes('Loop(') ? ['watch-loop.ts'] : [];
}

function readTrace(path: string): Pick<Recording, 'calls' | 'waits' | 'callbacks'> {
  const events = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const waits: Wait[] = events.filter((event) => 'wait' in event);
  return {
    calls: events.filter((event) => 'call' in event).sort((a, b) => a.begin - b.begin),
    // Each was told when it began, and once more when it was over.
    waits: [...new Map(waits.map((wait) => [`${wait.wait} ${wait.fd} ${wait.begin}`, wait])).values()],
    callbacks: events.filter((event) => 'callback' in event),
  };
}
