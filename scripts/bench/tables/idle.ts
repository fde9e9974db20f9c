// The table `idle`: what those who say nothing cost those who do, and how much memory they take.

import { spawnSync } from 'node:child_process';
import { fail } from '../../../src/cli/fail.ts';
import { type Contestant, c, net, step, steps } from '../contestants.ts';
import { messages } from '../loads.ts';
import { measureMemory } from '../memory.ts';
import { fewer, type Plan } from '../plan.ts';
import type { Entry } from '../results.ts';
import { MESSAGE } from '../sizes.ts';
import { takeTurns } from '../turns.ts';

/** How many talk, how many do not, and with how many of those a server is tried that has a thread for each. */
const FULL = { busy: 50, counts: [0, 100, 1000, 10_000], mostThreads: 100 };
const QUICK = { busy: 10, counts: [0, 20, 1000], mostThreads: 20 };
/** Descriptors that a process needs for the busy ones, and for other things than connections. */
const SPARE = 150;

/** A server, and how many idle ones it is tried with. */
type Trial = { server: Contestant; counts: number[] };

export async function idle(full: Plan): Promise<Entry[]> {
  const plan = fewer(full); // It takes long to open so many.
  const { busy, mostThreads, ...sizes } = plan.quick ? QUICK : FULL;
  const counts = possible(sizes.counts, plan);
  const upTo = (most: number) => counts.filter((count) => count <= most);
  const trials = (counts: number[], ...servers: Contestant[]): Trial[] =>
    servers.map((server) => ({ server, counts }));
  const mechanisms = process.platform === 'linux' ? ['epoll', 'poll'] : ['poll'];
  const looked = [
    ...mechanisms.flatMap((mechanism) =>
      trials(counts, ...step(`select3, ${mechanism}`, 'src/select/select3.ts', '--selector', mechanism)),
    ),
    ...trials(counts, ...net('node:net', 'node_net.ts')),
    ...trials(upTo(mostThreads), ...steps('threaded', 'thread4')),
  ];
  const few = [0, counts.at(-1) ?? 0];
  const level6 = [
    ...steps('select', 'select6'),
    ...steps('coroutine', 'generator6', 'await6', 'callback6', 'stream6'),
  ];
  const weighed = [
    ...trials(few, ...c('C, epoll', 'lines')),
    ...looked,
    ...(plan.quick ? [] : trials(few, ...level6)),
  ];
  const situations = looked.flatMap(({ server, counts }) =>
    counts.map((idle) => ({ server, busy, idle, load: messages(MESSAGE, busy, idle) })),
  );
  return [...(await takeTurns(situations, plan)), ...(await weigh(weighed, busy, plan))];
}

/** The memory of each server, with each number of idle connections. Without them it is that of the process with most. */
async function weigh(trials: Trial[], busy: number, plan: Plan): Promise<Entry[]> {
  const entries = trials.map(({ server, counts }) =>
    counts.map((idle) => ({ server: server.name, busy, idle, figures: { memory: [] as number[] } })),
  );
  const alone = messages(MESSAGE, busy);
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [i, { server }] of trials.entries()) {
      const [none, ...some] = entries[i] ?? [];
      for (const { idle, figures } of some) {
        const [less, more] = await measureMemory(server, alone, messages(MESSAGE, busy, idle), plan);
        figures.memory.push(more);
        if (idle === some.at(-1)?.idle) none?.figures.memory.push(less);
      }
      plan.say(`round ${round} of ${plan.rounds}: memory of ${server.name}`);
    }
  }
  return entries.flat();
}

/** As many as a process may hold: Node has raised the limit as far as it goes, and children inherit it. */
function possible(counts: number[], plan: Plan): number[] {
  const limit = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout); // NaN: unlimited
  const most = limit - SPARE;
  if (Number.isNaN(limit) || most >= Math.max(...counts)) return counts;
  if (most < 1) fail(`Cannot open idle connections: ulimit -n is ${limit}`);
  plan.say(`ulimit -n is ${limit}, so there are no more than ${most} idle connections`);
  return [...counts.filter((count) => count < most), most];
}
