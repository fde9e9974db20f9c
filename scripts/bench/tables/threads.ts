// The table `threads`: what it costs to start a thread for a client, and to keep it.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type Contestant, py, steps } from '../contestants.ts';
import { greet, rounded } from '../greeting.ts';
import { fewer, type Plan } from '../plan.ts';
import { memoryOf, startServer } from '../processes.ts';
import type { Entry } from '../results.ts';
import { type Figures, inTurns } from '../rounds.ts';
import { median } from '../statistics.ts';

/** How many come one after the other, and how many at once. */
const FULL = { single: 20, crowd: 200 };
const QUICK = { single: 5, crowd: 10 };

/** A pool has no thread for those who come later, unless those who have had their echo leave. */
type Trial = { server: Contestant; leave: boolean };

export async function threads(plan: Plan): Promise<Entry[]> {
  const sizes = plan.quick ? QUICK : FULL;
  const trials: Trial[] = [
    ...steps('threaded', 'thread4').map((server) => ({ server, leave: false })),
    ...steps('threaded', 'pool4').map((server) => ({ server, leave: true })),
    ...py('Python, threads', 'echo_threads.py').map((server) => ({ server, leave: false })),
  ];
  const measured = await inTurns(
    trials,
    fewer(plan),
    ({ server, leave }) => visit(server, sizes, leave),
    ({ server }, { crowd }) => `${server.name}: ${crowd} ms for ${sizes.crowd} clients`,
  );
  return measured.map(([{ server }, figures]) => ({ server: server.name, busy: sizes.crowd, figures }));
}

/** Has a few clients come one by one, and then a crowd at once. Each of them says hello, and has that echoed. */
async function visit({ name, command }: Contestant, sizes: typeof FULL, leave: boolean): Promise<Figures> {
  const server = await startServer(name, command);
  const clients: Socket[] = [];
  const meet = async () => {
    const [client, milliseconds] = await greet(server);
    clients.push(client);
    if (leave) client.end();
    return milliseconds;
  };
  const singles: number[] = [];
  for (let i = 0; i < sizes.single; i++) {
    singles.push(await meet());
    if (leave) await once(clients.at(-1) as Socket, 'close'); // Then the thread has no more to do, or little.
  }
  const before = memoryOf(server.pid);
  const crowd = Math.max(...(await Promise.all(Array.from({ length: sizes.crowd }, meet))));
  const memory = Math.round((memoryOf(server.pid) - before) / sizes.crowd);
  for (const client of clients) client.destroy();
  await server.stop();
  return { one: rounded(median(singles)), crowd, memory };
}
