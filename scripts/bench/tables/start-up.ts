// The table `start-up`: how long a server takes until it is there, and how much memory it has then.

import { type Contestant, c, javascript, net, py, steps } from '../contestants.ts';
import { greet, rounded } from '../greeting.ts';
import type { Plan } from '../plan.ts';
import { memoryOf, startServer } from '../processes.ts';
import type { Entry } from '../results.ts';
import { type Figures, inTurns } from '../rounds.ts';

export async function startUp(plan: Plan): Promise<Entry[]> {
  const servers = [
    ...c('C, epoll', 'echo'),
    ...py('Python, threads', 'echo_threads.py'),
    ...py('Python, asyncio', 'echo_asyncio.py'),
    ...javascript('node:net, types taken out', 'scripts/bench/peers/node_net.ts'),
    ...net('node:net', 'node_net.ts'),
    ...javascript('single1, types taken out', 'src/single/single1.ts', '--quiet'),
    ...steps('single', 'single1'),
    ...steps('select', 'select6'),
    ...steps('threaded', 'thread4'),
  ];
  const measured = await inTurns(servers, plan, start, ({ name }, { listens }) => `${name}: ${listens} ms`);
  return measured.map(([{ name: server }, figures]) => ({ server, figures }));
}

async function start({ name, command }: Contestant): Promise<Figures> {
  const running = await startServer(name, command);
  const [client, milliseconds] = await greet(running);
  const memory = memoryOf(running.pid); // while the client is there: single1 ends with it
  client.destroy();
  await running.stop();
  return { listens: rounded(running.listens), answers: rounded(running.listens + milliseconds), memory };
}
