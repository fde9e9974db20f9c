// The table `echo`: messages that come back as they are, from a loop in four languages.

import { c, net, py, steps } from '../contestants.ts';
import { messages } from '../loads.ts';
import type { Plan } from '../plan.ts';
import type { Entry } from '../results.ts';
import { MESSAGE } from '../sizes.ts';
import { takeTurns } from '../turns.ts';

export function echo(plan: Plan): Promise<Entry[]> {
  const servers = [
    ...c('C, epoll', 'echo'),
    ...steps('select', 'select3'),
    ...py('Python, selectors', 'echo_selectors.py'),
    ...py('Python, asyncio', 'echo_asyncio.py'),
    ...net('node:net', 'node_net.ts'),
  ];
  const counts = plan.quick ? [50] : [50, 500];
  const situations = counts.flatMap((busy) =>
    servers.map((server) => ({ server, busy, load: messages(MESSAGE, busy) })),
  );
  return takeTurns(situations, plan);
}
