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
  type Speeds,
} from './bench/measure.ts';

const ECHO = { size: 64, idle: 0 };
const LINES = { size: 32, idle: 0 };
const BUSY = 50;
const MANY_BUSY = 500;
const IDLE = 10_000;
/** Descriptors that a process needs for other things than connections. */
const SPARE = 100;

const tables = ['echo', 'lines', 'idle'];

/** What a table compares to, by the name of the column. A server that is left out has none. */
type References = [column: string, reference: Contestant | undefined][];

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
    const entries = servers.map((server) => ({ server, load: { ...ECHO, busy } }));
    const title = `Echo, messages of ${ECHO.size} bytes, ${busy} connections`;
    await compare(title, entries, references(inC, onNet), plan);
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
    .map((server) => ({ server, load: { ...LINES, busy: BUSY } }));
  const title = `Lines of ${LINES.size} bytes, ${BUSY} connections`;
  await compare(title, entries, [...references(inC, onNet), ['of select6', select6]], plan);
}

function references(inC: Contestant | undefined, onNet: Contestant | undefined): References {
  return [
    ['of C', inC],
    ['of node:net', onNet],
  ];
}

/** Measures, and prints the table. */
async function compare(title: string, entries: Entry[], references: References, plan: Plan): Promise<void> {
  const speeds = await measureSpeeds(title, entries, plan);
  const of = (reference: Contestant | undefined) =>
    speeds[entries.findIndex(({ server }) => server === reference)] ?? [];
  heading(title, ['server', 'messages a second', ...references.map(([column]) => column)]);
  for (const [i, { server }] of entries.entries()) {
    const own = speeds[i] as Speeds;
    const ratios = references.map(([, reference]) => ratio(own, of(reference)));
    row([server.name, whole(median(own)), ...ratios]);
  }
}

async function idle(plan: Plan): Promise<void> {
  const mechanisms = process.platform === 'linux' ? ['epoll', 'poll'] : ['poll'];
  const servers = mechanisms.flatMap((mechanism) =>
    step(`select3, ${mechanism}`, 'src/select/select3.ts', '--selector', mechanism),
  );
  if (servers.length === 0) return;
  const most = mostIdle();
  const load = { ...ECHO, busy: BUSY };
  const entries = servers.flatMap((server) => [
    { server, load },
    { server, load: { ...load, idle: most } },
  ]);
  const title = `Idle connections beside ${BUSY} busy ones`;
  const speeds = await measureSpeeds(title, entries, plan);
  const memory = new Map<Contestant, number>();
  const fewer = { ...plan, rounds: Math.ceil(plan.rounds / 2) }; // memory varies less than speed
  for (const server of servers)
    memory.set(server, await measureMemory(server, { ...load, idle: most }, fewer));
  heading(title, ['server', 'idle', 'messages a second', 'of its own without', 'memory for each idle one']);
  for (const [i, { server, load }] of entries.entries()) {
    const own = speeds[i] as Speeds;
    const without = speeds[i - (i % 2)] as Speeds; // entries come in pairs, the one without idle connections first
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
  return { client: loadClient, rounds, seconds, only: typed.only };
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
if (leftOut.length > 0) console.log(`\n${leftOut.join('\n')}`);
process.exit();
