// The table `lines`: one reply a line, by how many talk. What serves them one after the other is asked by one alone, and
// threads by as many as start in good time.

import { c, net, steps } from '../contestants.ts';
import { messages } from '../loads.ts';
import type { Plan } from '../plan.ts';
import type { Entry } from '../results.ts';
import { LINE } from '../sizes.ts';
import { takeTurns } from '../turns.ts';

/** By how many each is asked at once, and how many threads there may be. */
const FULL = { counts: [1, 10, 50, 200, 1000], mostThreads: 50 };
const QUICK = { counts: [1, 50], mostThreads: 1 };

export function lines(plan: Plan): Promise<Entry[]> {
  const { counts, mostThreads } = plan.quick ? QUICK : FULL;
  const servers = [
    ...c('C, epoll', 'lines'),
    ...steps('select', 'select6'),
    ...steps('coroutine', 'generator6', 'await6', 'callback6', 'stream6'),
    ...net('node:net', 'node_lines.ts'),
  ].map((server) => ({ server, most: Number.POSITIVE_INFINITY }));
  const [single6] = steps('single', 'single6');
  const [thread4] = steps('threaded', 'thread4');
  if (single6) servers.push({ server: single6, most: 1 });
  if (thread4) servers.push({ server: thread4, most: mostThreads });
  const situations = counts.flatMap((busy) =>
    servers
      .filter(({ most }) => busy <= most)
      .map(({ server }) => ({ server, busy, load: messages(LINE, busy) })),
  );
  return takeTurns(situations, plan);
}
