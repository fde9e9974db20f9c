// npm run bench: the project's servers beside the same in C, Python and node:net, with the same clients.

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { fail } from '../src/cli/fail.ts';
import { type Contestant, c, leftOut, loadClient, net, py, step } from './bench/contestants.ts';
import {
  type Entry,
  measureMemory,
  measureSpeeds,
  median,
  medianRatio,
  type Plan,
  type Result,
  type Speeds,
} from './bench/measure.ts';
import type { Load } from './bench/processes.ts';

const MESSAGE = 64;
const LINE = 32;
const BUSY = 50;
const MANY_BUSY = 500;
const IDLE = 10_000;
/** Descriptors that a process needs for other things than connections. */
const SPARE = 100;

/** Deliveries a second of a chat that has not been tried yet. */
const AT_LEAST = 50_000;

const tables = ['echo', 'lines', 'idle', 'chat'];

/** What a table compares to, by the name of the column. A server that is left out has none. */
type References = [column: string, reference: Contestant | undefined][];

/** What a table says of an entry itself, by the name of the column. */
type Figures = [column: string, figure: (result: Result) => string][];

const messages: Figures = [['messages a second', ({ speeds }) => whole(median(speeds))]];
const deliveries: Figures = [
  ['deliveries a second', ({ speeds }) => whole(median(speeds))],
  ['lost', ({ lost, doubled }) => `${whole(lost)}${doubled > 0 ? `, ${whole(doubled)} doubled` : ''}`],
];

/** Busy connections that each have a message of so many bytes under way, and idle ones. */
function load(size: number, busy: number, idle = 0): Load {
  return { client: loadClient('load'), idle, args: (seconds) => [busy, seconds, size, idle] };
}

/** Users who all say the same number of lines: as many as the server has all of them hear in time. */
function chatLoad(users: number, size: number): Load {
  const lines = (deliveries: number) => Math.ceil(deliveries / (users * (users - 1))) || 1;
  const args = (seconds: number, speed = AT_LEAST) => [users, lines(seconds * speed), size];
  return { client: loadClient('chat_load'), idle: 0, args };
}

async function echo(plan: Plan): Promise<void> {
  const [inC] = c('C, epoll', 'echo');
  const [onNet] = net('node:net', 'node_net.ts');
  const servers = [
    inC,
    ...step('select3', 'src/select/select3.ts'),
    ...py('selectors', 'echo_selectors.py'),
    ...py('asyncio', 'echo_asyncio.py'),
    onNet,
  ].filter((server) => server !== undefined);
  for (const busy of [BUSY, MANY_BUSY]) {
    const entries = servers.map((server) => ({ server, load: load(MESSAGE, busy) }));
    const title = `Echo, messages of ${MESSAGE} bytes, ${busy} connections`;
    await compare(title, entries, messages, references(inC, onNet), plan);
  }
}

async function lines(plan: Plan): Promise<void> {
  const [inC] = c('C, epoll', 'lines');
  const [onNet] = net('node:net', 'node_lines.ts');
  const [select6] = step('select6', 'src/select/select6.ts');
  const coroutines = ['generator6', 'await6', 'callback6', 'stream6'];
  const servers = [
    inC,
    select6,
    ...coroutines.flatMap((name) => step(name, `src/coroutine/${name}.ts`)),
    onNet,
  ];
  const entries = servers
    .filter((server) => server !== undefined)
    .map((server) => ({ server, load: load(LINE, BUSY) }));
  const title = `Lines of ${LINE} bytes, ${BUSY} connections`;
  await compare(title, entries, messages, [...references(inC, onNet), ['of select6', select6]], plan);
}

async function chat(plan: Plan): Promise<void> {
  const [inC] = c('C, epoll, a send for each', 'chat');
  const [onNet] = net('node:net', 'node_chat.ts');
  const coroutines = ['generator11', 'await11', 'callback11', 'stream11'];
  const servers = [
    inC,
    ...c('C, epoll, a send for each user and turn', 'chat_gathered'),
    ...step('select11', 'src/select/select11.ts'),
    ...coroutines.flatMap((name) => step(name, `src/coroutine/${name}.ts`)),
    ...py('asyncio', 'chat_asyncio.py'),
    onNet,
  ];
  const entries = servers
    .filter((server) => server !== undefined)
    .map((server) => ({ server, load: chatLoad(BUSY, LINE) }));
  const title = `Chat, ${BUSY} users, lines of ${LINE} bytes, everyone to everyone`;
  await compare(title, entries, deliveries, references(inC, onNet), plan);
}

function references(inC: Contestant | undefined, onNet: Contestant | undefined): References {
  return [
    ['of C', inC],
    ['of node:net', onNet],
  ];
}

/** Measures, and prints the table. */
async function compare(
  title: string,
  entries: Entry[],
  figures: Figures,
  references: References,
  plan: Plan,
): Promise<void> {
  const results = await measureSpeeds(title, entries, plan);
  const of = (reference: Contestant | undefined) =>
    results[entries.findIndex(({ server }) => server === reference)]?.speeds ?? [];
  heading(title, ['server', ...[...figures, ...references].map(([column]) => column)]);
  for (const [i, { server }] of entries.entries()) {
    const own = results[i] as Result;
    const ratios = references.map(([, reference]) => ratio(own.speeds, of(reference)));
    row([server.name, ...figures.map(([, figure]) => figure(own)), ...ratios]);
  }
}

async function idle(plan: Plan): Promise<void> {
  const mechanisms = process.platform === 'linux' ? ['epoll', 'poll'] : ['poll'];
  const servers = mechanisms.flatMap((mechanism) =>
    step(`select3, ${mechanism}`, 'src/select/select3.ts', '--selector', mechanism),
  );
  if (servers.length === 0) return;
  const most = mostIdle();
  const alone = load(MESSAGE, BUSY);
  const beside = load(MESSAGE, BUSY, most);
  const entries = servers.flatMap((server) => [
    { server, load: alone },
    { server, load: beside },
  ]);
  const title = `Idle connections beside ${BUSY} busy ones`;
  const results = await measureSpeeds(title, entries, plan);
  const memory = new Map<Contestant, number>();
  const fewer = { ...plan, rounds: Math.ceil(plan.rounds / 2) }; // memory varies less than speed
  for (const server of servers) memory.set(server, await measureMemory(server, beside, alone, fewer));
  heading(title, ['server', 'idle', 'messages a second', 'of its own without', 'memory for each idle one']);
  for (const [i, { server, load }] of entries.entries()) {
    const { speeds: own } = results[i] as Result;
    const { speeds: without } = results[i - (i % 2)] as Result; // entries come in pairs, the one without idle connections first
    const bytes = i % 2 === 0 ? '–' : `${whole(memory.get(server))} bytes`;
    row([server.name, whole(load.idle), whole(median(own)), ratio(own, without), bytes]);
  }
}

/** As many idle connections as a process may hold: Node has raised the limit as far as it goes, and children inherit it. */
function mostIdle(): number {
  const limit = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout); // NaN: unlimited
  const most = limit - BUSY - SPARE;
  if (Number.isNaN(limit) || most >= IDLE) return IDLE;
  if (most < 1) fail(`Cannot open idle connections: ulimit -n is ${limit}`);
  console.log(
    `\nulimit -n is ${limit}, so there are ${whole(most)} idle connections in place of ${whole(IDLE)}.`,
  );
  return most;
}

function heading(title: string, columns: string[]): void {
  console.log(`\n### ${title}\n`);
  row(columns);
  row(columns.map((_, i) => (i === 0 ? '---' : '--:')));
}

function row(cells: string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

function whole(number = Number.NaN): string {
  return Number.isNaN(number) ? '–' : Math.round(number).toLocaleString('en');
}

function ratio(speeds: Speeds, reference: Speeds): string {
  return reference.length === 0 ? '–' : medianRatio(speeds, reference).toFixed(2);
}

/** What the command line asks for. */
function readPlan(): Plan & { only: string | undefined } {
  const { quick, ...typed } = parse();
  const rounds = Number(typed.rounds ?? (quick ? 2 : 5));
  const seconds = Number(typed.seconds ?? (quick ? 0.3 : 1));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
    fail(`Cannot use --rounds ${JSON.stringify(typed.rounds)}: it is a whole number from 1 to 1000`);
  }
  if (!(seconds >= 0.1 && seconds <= 600)) {
    fail(`Cannot use --seconds ${JSON.stringify(typed.seconds)}: it is a number from 0.1 to 600`);
  }
  if (typed.only !== undefined && !tables.includes(typed.only)) {
    fail(`Cannot use --only ${JSON.stringify(typed.only)}: it is one of ${tables.join(', ')}`);
  }
  return { rounds, seconds, only: typed.only };
}

function parse() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        only: { type: 'string' },
      },
    }).values;
  } catch (error) {
    const [mistake] = (error as Error).message.split(/\.(?= |$)|\n/);
    return fail(`${mistake}: there are --quick, --rounds N, --seconds S, --only ${tables.join('|')}`);
  }
}

const { only, ...plan } = readPlan();
console.log(
  `Node ${process.versions.node}, ${availableParallelism()} CPUs; rounds: ${plan.rounds}, of ${plan.seconds} s for each; medians.`,
);
if (only === undefined || only === 'echo') await echo(plan);
if (only === undefined || only === 'lines') await lines(plan);
if (only === undefined || only === 'idle') await idle(plan);
if (only === undefined || only === 'chat') await chat(plan);
if (leftOut.length > 0) console.log(`\n${leftOut.join('\n')}`);
process.exit();
