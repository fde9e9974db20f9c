// The tables there are: how each is measured, and about how long that takes.

import type { Plan } from './plan.ts';
import { type Entry, type TableName, tableNames } from './results.ts';
import { chat } from './tables/chat.ts';
import { connections } from './tables/connections.ts';
import { cpu } from './tables/cpu.ts';
import { echo } from './tables/echo.ts';
import { idle } from './tables/idle.ts';
import { lines } from './tables/lines.ts';
import { startUp } from './tables/start-up.ts';
import { suspended } from './tables/suspended.ts';
import { threads } from './tables/threads.ts';

/** Seconds on two cores: once, and in each round beside its turns; and how many turns that has. */
type Cost = [once: number, round: number, turns: number];

export type Table = { measure(plan: Plan): Promise<Entry[]>; full: Cost; quick: Cost };

export const tables: Record<TableName, Table> = {
  echo: { measure: echo, full: [3, 1, 10], quick: [2, 0, 5] },
  lines: { measure: lines, full: [4, 5, 39], quick: [4, 0, 18] },
  connections: { measure: connections, full: [8, 1, 16], quick: [8, 1, 16] },
  idle: { measure: idle, full: [4, 24, 26], quick: [4, 11, 11] },
  chat: { measure: chat, full: [3, 0, 5], quick: [2, 1, 9] },
  threads: { measure: threads, full: [0, 6, 0], quick: [0, 2, 0] },
  'start-up': { measure: startUp, full: [0, 2, 0], quick: [0, 3, 0] },
  suspended: { measure: suspended, full: [0, 1, 0], quick: [0, 2, 0] },
  cpu: { measure: cpu, full: [4, 1, 7], quick: [3, 0, 7] },
};

/** A turn begins with a warm-up of so many seconds, or as long as itself if that is less. */
const WARM_UP = 0.3;

/** About how many seconds it takes to measure these tables. */
export function duration(names: readonly TableName[], { rounds, seconds, quick }: Omit<Plan, 'say'>): number {
  const turn = seconds + Math.min(seconds, WARM_UP);
  const costs = names.map((name) => {
    const [once, round, turns] = tables[name][quick ? 'quick' : 'full'];
    return once + rounds * (round + turns * turn);
  });
  return costs.reduce((sum, cost) => sum + cost, 0);
}

/** The tables in the order of {@link tableNames}, or only one of them. */
export function chosen(only: TableName | undefined): readonly TableName[] {
  return only === undefined ? tableNames : [only];
}
