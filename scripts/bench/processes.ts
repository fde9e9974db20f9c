// The processes that a measurement needs: servers and load clients. None of them outlives the bench.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fail } from '../../src/cli/fail.ts';
import { root } from '../steps.ts';

/** A command with its arguments. */
export type Command = [command: string, ...args: string[]];

/** A server that listens. */
export type Running = {
  name: string;
  port: number;
  pid: number;
  /** How long it took to say so, in milliseconds. */
  listens: number;
  /** Ends it, and waits until it has ended: what comes next has the machine to itself. */
  stop(): Promise<void>;
};

/** Clients that talk to a server. */
export type Load = {
  /** What plays them. */
  client: Command;
  /**
   * What that is told, after the port, for a turn of so many seconds. Where it is told how much to say, in place of how
   * long, this depends on the server, whose speed is known as soon as it has had a turn.
   */
  args(seconds: number, speed?: number): number[];
};

/** What came of a turn. */
export type Turn = {
  /** Messages a second that came back, or went to somebody else; or connections a second. */
  speed: number;
  seconds: number;
  /** All messages of the turn, with those before and after what is counted for the speed; if anybody has counted. */
  all?: number;
  /** Messages that should have come, and have not; if anybody has looked. */
  lost?: number;
  /** Messages that came twice, or after a later one. */
  duplicates?: number;
};

/** What a load client prints. */
type Counted = {
  messages?: number;
  connections?: number;
  deliveries?: number;
  all?: number;
  lost?: number;
  duplicates?: number;
  seconds: number;
};

/** How long a server may take to start, in milliseconds. */
const PATIENCE = 20_000;

const children = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of children) child.kill(); // SIGTERM: prefork4 has children, and is to end them.
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/** Starts a server with `--port 0`, and waits for its first line, which says where it listens. */
export async function startServer(name: string, [command, ...args]: Command): Promise<Running> {
  const begin = performance.now();
  const child = spawn(command, [...args, '--port', '0'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  endWithUs(child);
  const late = setTimeout(() => fail(`Cannot start ${name}: it does not say where it listens`), PATIENCE);
  const lines = createInterface(child.stdout);
  const ended = new AbortController();
  child.once('error', (error) => fail(`Cannot start ${name}: ${error.message}`));
  child.once('close', () => ended.abort());
  const [line] = await once(lines, 'line', ended).catch(() => fail(`Cannot start ${name}: it has ended`));
  const listens = performance.now() - begin;
  clearTimeout(late);
  const port = Number(/^listening on .*:(\d+)$/.exec(`${line}`)?.[1]);
  if (!port) fail(`Cannot start ${name}: its first line is ${JSON.stringify(line)}`);
  const stop = async () => {
    child.kill();
    const stubborn = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    if (!ended.signal.aborted) await once(child, 'close');
    clearTimeout(stubborn);
  };
  return { name, port, pid: child.pid ?? 0, listens, stop };
}

/** Has clients talk to a server. */
export async function runLoad(server: Running, load: Load, seconds: number, speed?: number): Promise<Turn> {
  const [command, ...args] = load.client;
  const numbers = [server.port, ...load.args(seconds, speed)].map(String);
  const child = spawn(command, [...args, ...numbers], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (errors += text));
  const [code] = await once(child, 'close');
  if (code !== 0) fail(`Cannot measure ${server.name}: ${errors.trim() || 'the load client was ended'}`);
  const { messages, connections, deliveries, ...turn }: Counted = JSON.parse(output);
  const count = messages ?? connections ?? deliveries ?? 0;
  return { speed: count / turn.seconds, ...turn };
}

/** The memory that a process has in use (its resident set), in bytes; NaN where there is no `ps`. */
export function memoryOf(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' });
  return stdout ? 1024 * Number(stdout) : Number.NaN;
}

/** CPU time that a process has used: microseconds in the kernel, and outside of it. */
export type CpuTime = { kernel: number; user: number };

/** What the kernel counts time in: USER_HZ is 100 wherever Linux runs, proc(5). */
const TICK = 10_000;

/** The CPU time of a process with all its threads. It takes /proc. */
export function cpuTimeOf(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on, `state`
  return { user: Number(fields[11]) * TICK, kernel: Number(fields[12]) * TICK };
}

function endWithUs(child: ChildProcess): void {
  children.add(child);
  child.once('close', () => children.delete(child));
}
