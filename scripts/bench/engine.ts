// Measures the tables. All servers take turns, round after round. The load of the machine changes from minute to minute, so
// speeds of different minutes can't be compared. Ratios within a round can.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { installed, Program } from '../../src/behaviours/program.ts';
import { Server } from '../../src/behaviours/server.ts';
import { fail } from '../../src/cli/fail.ts';
import { root } from '../steps.ts';
import { talkBeside } from './beside.ts';
import { type Contestant, commandOf, compile, isHere, withoutTypes } from './contestants.ts';
import { withRedis } from './redis.ts';
import { type Entry, type Figure, type Figures, median } from './results.ts';
import type { Group, Table } from './tables.ts';

export type Plan = {
  rounds: number;
  /** The length of a turn. */
  seconds: number;
  /** Fewer connections, and fewer rows: to see that it works. The figures are rough. */
  quick: boolean;
  /** Prints what has just been measured. */
  say(line: string): void;
};

const PATIENCE = 60_000; // milliseconds that a server may take to start or to answer
const NO_LIMIT = 2 ** 31 - 1; // The load client has a time limit of its own.

/**
 * How long to warm up a new server at least, in seconds, and how often at most. Compilers need that, and so do memory
 * allocators: asyncio allocates 256 KB for each recv(), and takes it from the kernel until its first client has disconnected.
 */
const WARM_UP = 0.1;
const MAX_WARM_UPS = 5;
const AT_LEAST = 50_000; // deliveries a second of a chat that has not been tried yet

const WEIGHING = 0.2; // seconds of a turn that measures memory: a server has all its memory when all connections are open
const SAMPLE = 100; // milliseconds between two looks at its memory
const SPARE = 150; // descriptors that a process needs for its busy connections, and for other things
const TICK = 10_000; // microseconds in which the kernel counts CPU time: USER_HZ is 100 wherever Linux runs, proc(5)
const SINGLES = { full: 20, quick: 5 }; // clients that connect one by one, before the crowd
const HELLO = 'hello\n';

/** An entry of a table, and its server. */
type Situation = { server: Contestant; entry: Entry };

/** The results of a turn: see load.c. */
type Turn = {
  count: number;
  seconds: number;
  all?: number;
  late?: number;
  lost?: number;
  duplicates?: number;
};

export async function measure(table: Table, plan: Plan): Promise<Entry[]> {
  const { how, groups, weighed = () => [], fewer } = table;
  const own = fewer ? { ...plan, rounds: Math.ceil(plan.rounds / 2) } : plan;
  const situations = situationsOf(groups(plan.quick), plan);
  const others = situationsOf(weighed(plan.quick), plan);
  if (how === 'threads') await inRounds(situations, own, (situation) => greetMany(situation, plan.quick));
  else if (how === 'start-up') await inRounds(situations, own, startUp);
  else if (how === 'compute') await inRounds(situations, own, (situation) => compute(situation, plan.quick));
  else if (how === 'ask') await inRounds(situations, own, (situation) => attacked(table, situation, own));
  else if (how === 'suspended') await inRounds(situations, own, countMemory);
  else await speeds(table, situations, own);
  await inRounds(byServer(others), own, (situations) => weigh(table, situations, plan.seconds));
  return [...situations, ...others].map(({ entry }) => entry);
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
          return servers.filter(isHere).flatMap((server) =>
            attacks.map((attack) => {
              const entry = { server: server.name, ...numbers, ...(attack && { attack }), figures: {} };
              return { server, entry };
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

/** Adds the figures of a round to an entry. Returns a line about it. */
function keep({ server, busy, idle, attack, figures }: Entry, turn: Figures): string {
  for (const [name, value] of Object.entries(turn) as [Figure, number][]) {
    figures[name] = [...(figures[name] ?? []), value];
  }
  const where = [busy && `, ${busy} busy`, idle && `, ${idle} idle`, attack && `, ${attack}`]
    .filter(Boolean)
    .join('');
  const told = Object.entries(turn).map(([name, value]) => `${name} ${value}`);
  return `${server}${where}: ${told.join(', ')}`;
}

/** Starts a server, and waits for its first line. Also returns how many milliseconds that took. */
async function start(contestant: Contestant): Promise<[server: Server, milliseconds: number]> {
  const [command, ...own] = commandOf(contestant);
  const args = await withRedis(own);
  const begin = performance.now();
  const options = { cwd: root, patience: PATIENCE };
  const server = await Server.start(command, [...args, '--port', '0'], options).catch((error: Error) =>
    fail(`Cannot start ${contestant.name}: ${error.message}`),
  );
  return [server, performance.now() - begin];
}

/** Runs the clients of a situation against a server. In a chat, a quick server gets more lines than a slow one. */
async function load(
  { how, size }: Table,
  { server, busy = 0, idle = 0, attack }: Entry,
  { port }: Server,
  seconds: number,
  speed = AT_LEAST,
): Promise<Turn> {
  const extent = how === 'talk' ? Math.ceil((seconds * speed) / (busy * (busy - 1))) || 1 : seconds;
  const args = [how, port, busy, size, extent, attack ?? (idle || '')].map(String);
  const clients = new Program(compile('scripts/bench/load.c'), args, { patience: NO_LIMIT });
  const [output, errors] = await Promise.all([clients.stdout.rest(), clients.stderr.rest()]);
  if ((await clients.exited()) !== 0)
    fail(`Cannot measure ${server}: ${errors.trim() || 'its clients were ended'}`);
  return JSON.parse(output);
}

/** Measures messages, visits or deliveries a second. Starts and warms up each server before the first round. */
async function speeds(table: Table, situations: Situation[], plan: Plan): Promise<void> {
  const servers = new Map<string, { server: Server; speed: number }>();
  for (const [{ server: contestant, entry }] of byServer(situations) as [Situation][]) {
    const [server] = await start(contestant);
    let turn = await load(table, entry, server, WARM_UP);
    for (let times = 1; turn.seconds < WARM_UP / 2 && times < MAX_WARM_UPS; times++) {
      turn = await load(table, entry, server, WARM_UP, turn.count / turn.seconds);
    }
    servers.set(entry.server, { server, speed: turn.count / turn.seconds });
    plan.say(`${entry.server} is warm`);
  }
  await inRounds(situations, plan, async ({ entry }) => {
    const { server, speed } = servers.get(entry.server) as { server: Server; speed: number };
    const before = cpuTimeOf(server);
    const { count, seconds, all, ...faults } = await load(table, entry, server, plan.seconds, speed);
    const [kernel, user] = cpuTimeOf(server).map((time, i) => {
      return Number(((time - (before[i] ?? 0)) / (all ?? Number.NaN)).toFixed(3));
    });
    const cpu = table.cpu && { kernel: kernel as number, user: user as number };
    return keep(entry, { speed: Math.round(count / seconds), ...faults, ...cpu });
  });
  for (const { server } of servers.values()) await server.stop();
  if (table.calls && installed('strace'))
    await inRounds(situations, { ...plan, rounds: 1 }, (situation) =>
      countCalls(table, situation, plan.seconds),
    );
}

/**
 * Counts the system calls that a server makes for each message. strace counts them in a short turn and in a long one. The
 * difference was made for messages, not for connections.
 */
async function countCalls(
  table: Table,
  { server: contestant, entry }: Situation,
  seconds: number,
): Promise<string> {
  const [server] = await start(contestant);
  const count = async (seconds: number) => {
    const strace = new Program('strace', ['-c', '-f', '-p', `${server.child.pid}`]);
    await strace.stderr.lineLike(/attached/);
    const { all = Number.NaN } = await load(table, entry, server, seconds);
    strace.kill('SIGINT');
    const [, calls] = /^ *100\.00 +\S+ +\S+ +(\d+).* total$/m.exec(await strace.stderr.rest()) ?? [];
    return { calls: Number(calls), messages: all };
  };
  await load(table, entry, server, seconds); // In the beginning, Node makes calls of its own.
  const [short, long] = [await count(seconds), await count(4 * seconds)];
  await server.stop();
  const calls = (long.calls - short.calls) / (long.messages - short.messages);
  return keep(entry, { calls: Number(calls.toFixed(3)) });
}

/**
 * Measures the memory of a server with each number of idle connections: the most that it uses. Each number takes a new process,
 * because a process often keeps the memory that it has freed. The first turn does not count: it takes memory of its own. The
 * figure without idle connections comes from the process that later has most of them.
 */
async function weigh(table: Table, [none, ...some]: Situation[], longest: number): Promise<string> {
  const seconds = Math.min(longest, WEIGHING);
  if (!none) return '';
  let alone = Number.NaN;
  for (const { server: contestant, entry } of some) {
    const [server] = await start(contestant);
    await load(table, none.entry, server, seconds);
    alone = await mostMemory(server, () => load(table, none.entry, server, seconds));
    keep(entry, { memory: await mostMemory(server, () => load(table, entry, server, seconds)) });
    await server.stop();
  }
  return keep(none.entry, { memory: alone });
}

async function mostMemory(server: Server, use: () => Promise<unknown>): Promise<number> {
  let most = memoryOf(server);
  const sampling = setInterval(() => {
    most = Math.max(most, memoryOf(server));
  }, SAMPLE);
  await use();
  clearInterval(sampling);
  return most;
}

/** Measures a client who asks, and the most memory of the server. Each turn takes a new process, for its memory. */
async function attacked(
  table: Table,
  { server: contestant, entry }: Situation,
  { seconds }: Plan,
): Promise<string> {
  const [server] = await start(contestant);
  await load(table, { ...entry, attack: undefined }, server, seconds);
  let turn: Turn | undefined;
  const memory = await mostMemory(server, async () => {
    turn = await load(table, entry, server, seconds);
  });
  await server.stop();
  const { count, seconds: taken, late = Number.NaN } = turn as Turn;
  return keep(entry, { speed: Math.round(count / taken), late, memory });
}

/** Connects a few clients one by one, and then many at once. */
async function greetMany({ server: contestant, entry }: Situation, quick: boolean): Promise<string> {
  const [server] = await start(contestant);
  const leave = contestant.name === 'pool4'; // It has a thread for a later client only when an earlier one has disconnected.
  const clients: Socket[] = [];
  const meet = async () => {
    const [client, milliseconds] = await greet(contestant, server);
    clients.push(client);
    if (leave) client.end();
    return milliseconds;
  };
  const singles: number[] = [];
  for (let i = 0; i < (quick ? SINGLES.quick : SINGLES.full); i++) {
    singles.push(await meet());
    if (leave) await once(clients.at(-1) as Socket, 'close'); // Then its thread is free, or nearly.
  }
  const before = memoryOf(server);
  const size = entry.busy ?? 0;
  const crowd = Math.max(...(await Promise.all(Array.from({ length: size }, meet))));
  const memory = Math.round((memoryOf(server) - before) / size);
  for (const client of clients) client.destroy();
  await server.stop();
  return keep(entry, { one: rounded(median(singles)), crowd, memory });
}

async function startUp({ server: contestant, entry }: Situation): Promise<string> {
  const [server, listens] = await start(contestant);
  const [client, milliseconds] = await greet(contestant, server);
  const memory = memoryOf(server); // while the client is there: single1 ends with it
  client.destroy();
  await server.stop();
  return keep(entry, { listens: rounded(listens), answers: rounded(listens + milliseconds), memory });
}

/** Measures a user who sends ECHO while others have numbers computed. */
async function compute({ server: contestant, entry }: Situation, quick: boolean): Promise<string> {
  const [server] = await start(contestant);
  const figures = await talkBeside(server.port, quick);
  await server.stop();
  return keep(entry, figures);
}

/** Connects a client, sends a line, and expects its echo. Also returns how many milliseconds that took from connect() on. */
async function greet(
  { name }: Contestant,
  { port }: Server,
): Promise<[client: Socket, milliseconds: number]> {
  const begin = performance.now();
  const client = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    client.write(HELLO);
    const [echo] = await once(client, 'data', { signal: AbortSignal.timeout(PATIENCE) });
    const milliseconds = performance.now() - begin;
    if (`${echo}` !== HELLO) throw new Error(`what came back is ${JSON.stringify(`${echo}`)}`);
    client.on('error', () => {}); // Later errors don't concern the measurement.
    return [client, rounded(milliseconds)];
  } catch (error) {
    return fail(`Cannot measure ${name}: ${(error as Error).message}`);
  }
}

/** The memory of a function that waits. waiting.ts measures it in a process of its own. */
async function countMemory({ server: { name, program, args }, entry }: Situation): Promise<string> {
  const command = ['--expose-gc', withoutTypes(program), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) fail(`Cannot measure ${name}: ${stderr.trim() || 'it was ended'}`);
  return keep(entry, { memory: Number(stdout) });
}

/** The memory that a process uses (its resident set), in bytes. NaN where there is no `ps`. */
function memoryOf({ child }: Server): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', `${child.pid}`], { encoding: 'utf8' });
  return stdout ? 1024 * Number(stdout) : Number.NaN;
}

/** The CPU time of a process and all its threads, in microseconds: in the kernel, and outside of it. See proc(5). */
function cpuTimeOf({ child }: Server): number[] {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on, `state`
  return [Number(fields[12]) * TICK, Number(fields[11]) * TICK];
}

/** Rounds to what can be measured. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
