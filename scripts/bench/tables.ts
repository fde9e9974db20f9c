// The tables of npm run bench: their servers, the situations to measure them in, and the columns to show.

import { asJavaScript, type Contestant, c, net, py, step, steps, waiting } from './contestants.ts';
import { bytes, microseconds, milliseconds, ratio, whole } from './figures.ts';
import { REDIS } from './redis.ts';
import {
  type Attack,
  compare,
  type Entry,
  type Figure,
  having,
  mean,
  median,
  type TableName,
} from './results.ts';

/** Servers to measure with each number of busy connections, beside each number of idle ones, and under each attack. */
export type Group = {
  servers: Contestant[];
  busy?: number[];
  idle?: number[];
  attacks?: (Attack | undefined)[];
};

export type Table = {
  /** What the clients do: a mode of load.c, or another way to measure, which engine.ts knows. */
  how: 'messages' | 'visits' | 'talk' | 'threads' | 'start-up' | 'suspended' | 'compute' | 'ask';
  /** How long a message or line is, in bytes, with its \n. */
  size?: number;
  groups(quick: boolean): Group[];
  /** Servers whose memory is measured as well. */
  weighed?(quick: boolean): Group[];
  /** Whether to count system calls as well. */
  calls?: boolean;
  /** Whether to measure the CPU time as well. */
  cpu?: boolean;
  /** Whether half as many rounds are enough, because the figures vary little or take long. */
  fewer?: boolean;
  blocks: Shown[];
};

/** A column: its name, in which {busy} stands for the number of busy connections, and what it shows of an entry. */
type Column = [name: string, cell: (entry: Entry, entries: Entry[]) => string];

/** A table to show. It has a line for each entry; with `by`, a line for each server, and a column for each number of connections. */
export type Shown = Rows | { title: string; by: 'busy' | 'idle'; figure: Figure; each?: string };

/** With `busy`, only entries with that number of connections. `first` names the first column, if it does not hold servers. */
type Rows = { title: string; columns: Column[]; busy?: number; first?: string };

/** The number of busy connections with which servers are compared. */
export const USUAL = 50;
const MESSAGE = 64;
const LINE = 32;

const figure =
  (name: Figure, format: (number: number) => string) =>
  ({ figures }: Entry) =>
    format(median(figures[name]));

const ratioTo =
  (server: string) =>
  ({ busy, ...entry }: Entry, entries: Entry[]) =>
    ratio(compare(entry, having(entries, busy === undefined ? { server } : { server, busy })[0]));

const ofAlone = (entry: Entry, entries: Entry[]) =>
  ratio(compare(entry, having(entries, { server: entry.server, attack: undefined })[0]));

const speed = (what: string): Column => [`${what} a second`, figure('speed', whole)];
const ofC: Column = ['of C', ratioTo('C, epoll')];
const ofNode: Column = ['of node:net', ratioTo('node:net')];
const ofSelect6: Column = ['of select6', ratioTo('select6')];
const ofChat: Column = ['of C', ratioTo('C, epoll, a send for each')];
const lost: Column = ['lost', wrong];
const byIdle = 'by the number of idle';

const level6 = steps('select6', 'ring6', 'generator6', 'task6', 'await6', 'callback6', 'stream6');
const epoll = c('C, epoll', 'lines');
const threads = py('Python, threads', 'threads');
const asyncio = py('Python, asyncio', 'asyncio');
const echoes = [...steps('select3', 'ring3'), py('Python, selectors', 'selectors'), asyncio];
const blocking = steps('single3', 'single6', 'thread4', 'accept4', 'pool4', 'prefork4', 'select3');
const chats = [
  c('C, epoll, a send for each', 'chat'),
  c('C, epoll, a send for each user and tick', 'gathered'),
  ...steps('select11', 'select12', 'ring11', 'generator11', 'await11', 'callback11', 'stream11'),
  py('Python, asyncio', 'chat'),
  net('chat'),
];

/** Names of attacks: see load.c. */
const attacks: Record<Attack, string> = {
  trickle: 'slow writers',
  hoard: 'readers that never read',
  flood: 'a flood of connections',
};
/** The limits admit all attackers. They are small, so that the server cuts off a client that does not read within a turn. */
const LIMITS = '--max-clients 3000 --max-per-address 0 --max-owed 65536 --stall-timeout 0.2';
const attacked = [
  ...steps('select11'),
  ...['select12', 'await12', 'stream12'].map((name) => step(name, name, ...LIMITS.split(' '))),
  net('commands'),
];

const machines = [
  step('await13', 'await13'),
  step('await13, with Redis', 'await13', '--redis', REDIS),
  step('await13, with Redis, two processes', 'await13', '--redis', REDIS, '--processes', '2'),
];

const selectors = ['epoll', 'poll'].map((name) => step(`select3, ${name}`, 'select3', '--selector', name));

/** Servers beside idle connections: few of them, if the server has a thread for each. */
const besideIdle = (quick: boolean): Group[] => [
  {
    servers: [...selectors, net('echo')],
    busy: [quick ? 10 : USUAL],
    idle: quick ? [0, 20, 1000] : [0, 100, 1000, 10_000],
  },
  { servers: steps('thread4'), busy: [quick ? 10 : USUAL], idle: quick ? [0, 20] : [0, 100] },
];

export const tables: Record<TableName, Table> = {
  echo: {
    how: 'messages',
    size: MESSAGE,
    calls: true,
    groups: (quick) => [
      {
        servers: [c('C, epoll', 'echo'), ...echoes, net('echo')],
        busy: quick ? [USUAL] : [USUAL, 500, 5000],
      },
    ],
    blocks: [
      {
        title: `Messages of ${MESSAGE} bytes, {busy} connections`,
        columns: [speed('messages'), ofC, ofNode, ['system calls a message', figure('calls', ratio)]],
      },
    ],
  },
  lines: {
    how: 'messages',
    size: LINE,
    groups: (quick) => [
      { servers: [epoll, ...level6, net('lines')], busy: quick ? [1, USUAL] : [1, 10, USUAL, 200, 1000] },
      { servers: steps('single6'), busy: [1] }, // one user at a time
      { servers: steps('thread4'), busy: quick ? [1] : [1, 10, USUAL] }, // as many threads as start in good time
    ],
    blocks: [
      {
        title: `Lines of ${LINE} bytes, {busy} connections`,
        columns: [speed('messages'), ofC, ofNode, ofSelect6],
        busy: USUAL,
      },
      { title: 'The same in messages a second, by the number of connections', by: 'busy', figure: 'speed' },
    ],
  },
  connections: {
    how: 'visits',
    size: LINE,
    groups: () => [{ servers: [epoll, ...blocking, ...level6, net('lines'), threads, asyncio], busy: [8] }],
    blocks: [
      {
        title: 'Clients who say one line and leave, {busy} at a time',
        columns: [speed('connections'), ofC, ofNode],
      },
    ],
  },
  idle: {
    how: 'messages',
    size: MESSAGE,
    fewer: true,
    groups: besideIdle,
    weighed: (quick) => [
      { servers: [epoll], busy: [quick ? 10 : USUAL], idle: [0, quick ? 1000 : 10_000] },
      ...besideIdle(quick),
      { servers: quick ? [] : level6, busy: [USUAL], idle: [0, 10_000] },
    ],
    blocks: [
      { title: `Messages a second of {busy} busy connections, ${byIdle} ones`, by: 'idle', figure: 'speed' },
      {
        title: `Memory of the server, ${byIdle} connections`,
        by: 'idle',
        figure: 'memory',
        each: 'for each one',
      },
    ],
  },
  chat: {
    how: 'talk',
    size: LINE,
    groups: () => [{ servers: chats, busy: [50] }],
    blocks: [
      {
        title: `{busy} users, lines of ${LINE} bytes, everyone to everyone`,
        columns: [speed('deliveries'), lost, ofChat, ofNode],
      },
    ],
  },
  threads: {
    how: 'threads',
    fewer: true,
    groups: (quick) => [{ servers: [...steps('thread4', 'pool4'), threads], busy: [quick ? 10 : 200] }],
    blocks: [
      {
        title: 'From connect() to the echo',
        columns: [
          ['one client', figure('one', milliseconds)],
          ['{busy} clients at once', figure('crowd', milliseconds)],
          ['memory of each', figure('memory', bytes)],
        ],
      },
    ],
  },
  'start-up': {
    how: 'start-up',
    groups: () => [
      { servers: [c('C, epoll', 'echo'), threads, asyncio] },
      { servers: [net('echo'), ...steps('single1')].flatMap((server) => [asJavaScript(server), server]) },
      { servers: steps('select6', 'thread4') },
    ],
    blocks: [
      {
        title: 'From the start of the server',
        columns: [
          ['to its first line', figure('listens', milliseconds)],
          ['to its first answer', figure('answers', milliseconds)],
          ['memory, with one client', figure('memory', bytes)],
        ],
      },
    ],
  },
  suspended: {
    how: 'suspended',
    groups: () => [
      {
        servers: [
          waiting('a state, as in select6', 'state'),
          waiting('five callbacks, as in callback6', 'callbacks'),
          waiting('a generator', 'generator'),
          waiting('a generator within another, as in generator6', 'generator-in-generator'),
          waiting('an async function', 'async'),
          waiting('an async function that awaits another, as in await6', 'async-in-async'),
        ],
      },
    ],
    blocks: [
      {
        title: 'Memory for each client, while the server waits for its line',
        columns: [['memory', figure('memory', (bytes) => `${whole(bytes)} bytes`)]],
        first: 'what waits',
      },
    ],
  },
  cpu: {
    how: 'messages',
    size: LINE,
    cpu: true,
    groups: () => [{ servers: [epoll, ...level6, net('lines')], busy: [USUAL] }],
    // The clock of the kernel is coarse: in one turn it may show 0, so the table shows means of all turns.
    blocks: [
      {
        title: 'CPU time of the server for each message',
        columns: [
          ['in the kernel', ({ figures }) => microseconds(mean(figures.kernel))],
          ['in the program', ({ figures }) => microseconds(mean(figures.user))],
        ],
      },
    ],
  },
  compute: {
    how: 'compute',
    fewer: true,
    groups: () => [{ servers: [...steps('generator7'), net('commands'), ...steps('work7', 'thread9')] }],
    blocks: [
      {
        title: 'ECHO of one user, beside two users who ask for numbers',
        columns: [
          ['half of the answers take at most', figure('usual', milliseconds)],
          ['99 of 100 take at most', figure('late', milliseconds)],
          ['numbers a second', figure('numbers', whole)],
        ],
      },
    ],
  },
  attack: {
    how: 'ask',
    size: LINE,
    fewer: true,
    groups: (quick) => [
      { servers: attacked, busy: [quick ? 50 : 1000], attacks: [undefined, 'trickle', 'hoard', 'flood'] },
    ],
    blocks: [
      {
        title: `A user who asks for an echo of ${LINE} bytes a thousand times a second, alone and beside {busy} attackers; level 12 with \`${LIMITS}\``,
        columns: [
          ['beside', ({ attack }) => (attack ? attacks[attack] : 'nothing')],
          speed('messages'),
          ['of alone', ofAlone],
          ['99 of 100 take at most', figure('late', milliseconds)],
          ['memory', figure('memory', bytes)],
        ],
      },
    ],
  },
  cores: {
    how: 'messages',
    size: LINE,
    groups: (quick) => [{ servers: [...steps('select6', 'multi6')], busy: quick ? [USUAL] : [USUAL, 200] }],
    blocks: [
      {
        title: `Lines of ${LINE} bytes a second, by the number of connections`,
        by: 'busy',
        figure: 'speed',
      },
    ],
  },
  machines: {
    how: 'talk',
    size: LINE,
    groups: () => [{ servers: machines, busy: [50] }],
    blocks: [
      {
        title: `{busy} users in one chat, lines of ${LINE} bytes`,
        columns: [speed('deliveries'), lost, ['of await13 without Redis', ratioTo('await13')]],
      },
    ],
  },
};

/** Whether its clients are those of load.c. */
export function takesC(name: TableName): boolean {
  return tables[name].size !== undefined;
}

/** How many lines were lost in all rounds together, and how many came twice. */
function wrong({ figures: { lost = [], duplicates = [] } }: Entry): string {
  const [missing, twice] = [lost, duplicates].map((figures) =>
    figures.reduce((sum, number) => sum + number, 0),
  );
  return `${whole(missing ?? 0)}${twice ? `, ${whole(twice)} duplicates` : ''}`;
}
