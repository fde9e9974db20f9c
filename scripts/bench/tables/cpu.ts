// The table `cpu`: where the time of a server goes, for each message that it sends back.

import { existsSync } from 'node:fs';
import { c, leftOut, net, steps } from '../contestants.ts';
import { messages } from '../loads.ts';
import type { Plan } from '../plan.ts';
import { cpuTimeOf, type Running, type Turn } from '../processes.ts';
import type { Entry } from '../results.ts';
import type { Figures } from '../rounds.ts';
import { LINE } from '../sizes.ts';
import { takeTurns } from '../turns.ts';

const BUSY = 50;

export async function cpu(plan: Plan): Promise<Entry[]> {
  if (!existsSync('/proc/self/stat')) {
    leftOut.push('There is no /proc here, which tells how CPU time is spent: the table cpu is left out.');
    return [];
  }
  const servers = [
    ...c('C, epoll', 'lines'),
    ...steps('select', 'select6'),
    ...steps('coroutine', 'generator6', 'await6', 'callback6', 'stream6'),
    ...net('node:net', 'node_lines.ts'),
  ];
  const situations = servers.map((server) => ({ server, busy: BUSY, load: messages(LINE, BUSY) }));
  return takeTurns(situations, plan, watchCpuTime);
}

function watchCpuTime({ pid }: Running): (turn: Turn) => Figures {
  const before = cpuTimeOf(pid);
  return ({ all = Number.NaN }) => {
    const after = cpuTimeOf(pid);
    const each = (time: number) => Number((time / all).toFixed(3));
    return { kernel: each(after.kernel - before.kernel), user: each(after.user - before.user) };
  };
}
