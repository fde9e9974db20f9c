// The table `connections`: clients who come, say a line, and leave, eight at a time.

import { c, net, py, steps } from '../contestants.ts';
import { visits } from '../loads.ts';
import type { Plan } from '../plan.ts';
import type { Entry } from '../results.ts';
import { LINE } from '../sizes.ts';
import { takeTurns } from '../turns.ts';

const CLIENTS = 8;

export function connections(plan: Plan): Promise<Entry[]> {
  const servers = [
    ...c('C, epoll', 'lines'),
    ...steps('single', 'single3', 'single6'),
    ...steps('threaded', 'thread4', 'accept4', 'pool4', 'prefork4'),
    ...steps('select', 'select3', 'select6'),
    ...steps('coroutine', 'generator6', 'await6', 'callback6', 'stream6'),
    ...net('node:net', 'node_lines.ts'),
    ...py('Python, threads', 'echo_threads.py'),
    ...py('Python, asyncio', 'echo_asyncio.py'),
  ];
  return takeTurns(
    servers.map((server) => ({ server, busy: CLIENTS, load: visits(LINE, CLIENTS) })),
    plan,
  );
}
