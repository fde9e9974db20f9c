// Measures the tables. All servers take turns, round after round. The load of the machine changes from minute to minute, so only
// speeds within a round can be compared.

import { spawnSync } from 'node:child_process';
import { installed } from '../../src/behaviours/program.ts';
import { compute } from './beside.ts';
import { isHere } from './contestants.ts';
import { greetMany, startUp } from './greetings.ts';
import { attacked, functionMemory, weigh } from './memory.ts';
import type { Entry } from './results.ts';
import type { Plan, Situation } from './running.ts';
import { countCalls, speed, stop, warmUp } from './speeds.ts';
import type { Group, Table } from './tables.ts';

const SPARE = 150; // descriptors that a process needs for its busy connections, and for other things

/** Measures a server once, adds the figures to the entry, and returns a line about them. */
type Turn = (situation: Situation, plan: Plan, table: Table) => Promise<string>;

/** For each way to measure, what a server does in its turn. In the other ways, all servers run from the first round on. */
const turns: Partial<Record<Table['how'], Turn>> = {
  threads: greetMany,
  'start-up': startUp,
  compute,
  ask: attacked,
  suspended: functionMemory,
};

export async function measure(table: Table, plan: Plan): Promise<Entry[]> {
  const { how, groups, weighed = () => [], fewer } = table;
  const own = fewer ? { ...plan, rounds: Math.ceil(plan.rounds / 2) } : plan;
  const situations = situationsOf(groups(plan.quick), plan);
  const others = situationsOf(weighed(plan.quick), plan);
  const turn = turns[how];
  if (turn) await inRounds(situations, own, (situation) => turn(situation, own, table));
  else await speeds(table, situations, own);
  await inRounds(byServer(others), own, (situations) => weigh(situations, own, table));
  return [...situations, ...others].map(({ entry }) => entry);
}

/** Measures messages, visits or deliveries a second, and then, if the table shows them, system calls. */
async function speeds(table: Table, situations: Situation[], plan: Plan): Promise<void> {
  const servers = new Map(await warmUp(table, byServer(situations), plan));
  await inRounds(situations, plan, (situation) => speed(situation, plan, table, servers));
  await stop(servers);
  if (table.calls && installed('strace'))
    await inRounds(situations, { ...plan, rounds: 1 }, (situation) => countCalls(situation, plan, table));
}

/** The situations of these groups, from few busy connections to many. */
function situationsOf(groups: Group[], { say }: Plan): Situation[] {
  const most = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout) - SPARE; // NaN: unlimited
  const situations = groups.flatMap(
    ({ servers, busy = [undefined], idle = [undefined], attacks = [undefined] }) =>
      busy.flatMap((busy) =>
        idle.flatMap((wanted) => {
          const idle = wanted && wanted > most ? most : wanted;
          if (idle !== wanted) say(`ulimit -n allows ${idle} idle connections, not ${wanted}`);
          const numbers = { ...(busy !== undefined && { busy }), ...(idle !== undefined && { idle }) };
          return servers.filter(isHere).flatMap((contestant) =>
            attacks.map((attack) => {
              const entry = { server: contestant.name, ...numbers, ...(attack && { attack }), figures: {} };
              return { contestant, entry };
            }),
          );
        }),
      ),
  );
  return situations.sort(({ entry: a }, { entry: b }) => (a.busy ?? 0) - (b.busy ?? 0));
}

function byServer(situations: Situation[]): Situation[][] {
  const names = [...new Set(situations.map(({ entry }) => entry.server))];
  return names.map((name) => situations.filter(({ entry }) => entry.server === name));
}

/** Takes turns, round after round. Each round begins with another server. A turn returns a line about itself. */
async function inRounds<Subject>(
  subjects: readonly Subject[],
  { rounds, say }: Plan,
  turn: (subject: Subject) => Promise<string>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const first = round % (subjects.length || 1);
    for (const subject of [...subjects.slice(first), ...subjects.slice(0, first)]) {
      say(`round ${round + 1} of ${rounds}: ${await turn(subject)}`);
    }
  }
}
