// The table `chat`: users who all talk to all.

import { c, net, py, steps } from '../contestants.ts';
import { talk } from '../loads.ts';
import type { Plan } from '../plan.ts';
import type { Entry } from '../results.ts';
import { LINE } from '../sizes.ts';
import { takeTurns } from '../turns.ts';

const USERS = 50;

export function chat(plan: Plan): Promise<Entry[]> {
  const servers = [
    ...c('C, epoll, a send for each', 'chat'),
    ...c('C, epoll, a send for each user and tick', 'chat_gathered'),
    ...steps('select', 'select11'),
    ...steps('coroutine', 'generator11', 'await11', 'callback11', 'stream11'),
    ...py('Python, asyncio', 'chat_asyncio.py'),
    ...net('node:net', 'node_chat.ts'),
  ];
  return takeTurns(
    servers.map((server) => ({ server, busy: USERS, load: talk(LINE, USERS) })),
    plan,
  );
}
