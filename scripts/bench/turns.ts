// How speed is measured: all take turns, and a turn is compared to those of the same round. What else the machine does
// changes from minute to minute, so speeds of different minutes can't be compared, but ratios within a round can.

import type { Contestant } from './contestants.ts';
import type { Plan } from './plan.ts';
import { type Load, type Running, runLoad, startServer, type Turn } from './processes.ts';
import type { Entry } from './results.ts';
import { type Figures, inTurns } from './rounds.ts';

/** A server under a load: a line of a table. */
export type Situation = { server: Contestant; load: Load; busy: number; idle?: number };

/** Looks at a server before a turn, and returns what is to be called after it. */
export type Watch = (server: Running) => (turn: Turn) => Figures;

/**
 * How long a new server is warmed up, in seconds. Compilers need that, and memory allocators: asyncio asks for 256 KB
 * each time it receives, fresh from the kernel until the first of its clients has left (mallopt(3), M_MMAP_THRESHOLD).
 */
const WARM_UP = 0.1;

/** How often a server is warmed up at most. */
const MAX_WARM_UPS = 5;

/**
 * Has them take turns, round after round, with fresh connections each turn. The servers stay up, those of a command
 * being one and the same. Returns what came of it in the order of the situations.
 */
export async function takeTurns(situations: Situation[], plan: Plan, watch?: Watch): Promise<Entry[]> {
  const contestants = [...new Set(situations.map(({ server }) => server))];
  const started = await Promise.all(contestants.map(({ name, command }) => startServer(name, command)));
  const servers = new Map(contestants.map((server, i) => [server, started[i] as Running]));
  const warm = new Map<Contestant, number>();
  for (const { server, load } of situations) {
    if (warm.has(server)) continue;
    warm.set(server, await warmUp(servers.get(server) as Running, load));
    plan.say(`${server.name} is warm`);
  }
  const measured = await inTurns(
    situations,
    plan,
    async ({ server, load }) => {
      const running = servers.get(server) as Running;
      const seen = watch?.(running);
      const turn = await runLoad(running, load, plan.seconds, warm.get(server));
      const { speed, seconds: _seconds, all: _all, ...faults } = turn;
      return { speed: Math.round(speed), ...faults, ...seen?.(turn) };
    },
    (situation, { speed }) => `${told(situation)}: ${speed}/s`,
  );
  await Promise.all(Array.from(servers.values(), (server) => server.stop()));
  return measured.map(
    ([
      {
        server: { name: server },
        busy,
        idle,
      },
      figures,
    ]) => (idle === undefined ? { server, busy, figures } : { server, busy, idle, figures }),
  );
}

function told({ server, busy, idle = 0 }: Situation): string {
  return `${server.name}, ${busy} busy${idle > 0 ? `, ${idle} idle` : ''}`;
}

/** Returns how fast the server is when it is warm: if it was done too soon, it is warmed up again, by more. */
async function warmUp(server: Running, load: Load): Promise<number> {
  let turn = await runLoad(server, load, WARM_UP);
  for (let times = 1; turn.seconds < WARM_UP / 2 && times < MAX_WARM_UPS; times++) {
    turn = await runLoad(server, load, WARM_UP, turn.speed);
  }
  return turn.speed;
}
