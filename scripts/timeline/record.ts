// Runs a step through the scenario, and reads what its trace and the clients have to say of it.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectations } from '../../src/behaviours/expectations.ts';
import { PATIENCE } from '../../src/behaviours/inbox.ts';
import { serving } from '../../src/behaviours/server.ts';
import { now, type SystemCall } from '../../src/sockets/system-call.ts';
import { levelOf, type Step } from '../steps.ts';
import { type ClientLog, play, visit } from './scenario.ts';
import type { CoroutineEvent } from './watch-loop.ts';
import type { CallbackEvent } from './watch-node.ts';

/** What happened when a step was led through the scenario. Times are in microseconds, on one and the same clock. */
export type Recording = {
  step: string;
  /** When the scenario began. */
  begin: number;
  clients: ClientLog[];
  /** Calls that returned, those of each thread in their order. */
  calls: Required<SystemCall>[];
  /** Of steps on the loop of this project. */
  coroutines: CoroutineEvent[];
  /** Of steps on Node's own loop. */
  callbacks: CallbackEvent[];
};

/** How many guests there are: as many as accept4 and prefork4 have workers, so that each of them has one. */
const GUESTS = 4;

/** How long those who come afterwards wait for an answer, which does not matter, in milliseconds. */
const AFTERWARDS = 300;

/** Runs a step through the scenario, which takes two seconds. */
export async function record({ name, path, code }: Step): Promise<Recording> {
  const level = levelOf(name);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-'));
  const trace = join(folder, 'trace.jsonl');
  const lead = async (port: number) => {
    if (expectations.get(name)?.get('serves two at once') === '✔') await visit(port, level, GUESTS, PATIENCE);
    const begin = now();
    const clients = await play(port, level);
    await visit(port, level, GUESTS, AFTERWARDS);
    return { begin, clients };
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove); // on Ctrl-C, too: see harness.ts
  const nodeArgs = watcher(code).flatMap((file) => ['--import', join(import.meta.dirname, file)]);
  try {
    const { begin, clients } = await serving(
      path,
      async ({ port, child }) => {
        const ended = once(child, 'exit').then(() => {
          throw new Error(`Cannot draw ${name}: it has ended in the middle`);
        });
        return Promise.race([lead(port), ended]);
      },
      { args: ['--quiet'], nodeArgs, env: { TRACE: trace } },
    );
    return { step: name, begin, clients, ...readTrace(trace) };
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** What makes the loop of a step tell what it does, if it has one that can. */
function watcher(code: string): string[] {
  if (code.includes("from 'node:net'")) return ['watch-node.ts'];
  return code.includes('Loop(') ? ['watch-loop.ts'] : [];
}

function readTrace(path: string): Pick<Recording, 'calls' | 'coroutines' | 'callbacks'> {
  const events = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return {
    calls: events.filter((event) => 'call' in event).sort((a, b) => a.begin - b.begin),
    coroutines: events.filter((event) => 'coroutine' in event),
    callbacks: events.filter((event) => 'callback' in event),
  };
}
