// The processes that a measurement needs: servers and load clients. None of them outlives the bench.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fail } from '../../src/cli/fail.ts';
import { root } from '../steps.ts';

/** A command with its arguments. */
export type Command = [command: string, ...args: string[]];

/** A server that listens. */
export type Running = { name: string; port: number; pid: number; stop(): void };

/** What a load client does in a turn. */
export type Load = {
  /** Connections that have a message under way all the time. */
  busy: number;
  /** Connections that are open beside them, and say nothing. */
  idle: number;
  /** Of a message, in bytes. */
  size: number;
};

/** How long a server may take to start, in milliseconds. */
const PATIENCE = 20_000;

const children = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/** Starts a server with `--port 0`, and waits for its first line, which says where it listens. */
export async function startServer(name: string, [command, ...args]: Command): Promise<Running> {
  const child = spawn(command, [...args, '--port', '0'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  endWithUs(child);
  const late = setTimeout(() => fail(`Cannot start ${name}: it does not say where it listens`), PATIENCE);
  const lines = createInterface(child.stdout);
  const ended = new AbortController();
  child.once('error', (error) => fail(`Cannot start ${name}: ${error.message}`));
  child.once('close', () => ended.abort());
  const [line] = await once(lines, 'line', ended).catch(() => fail(`Cannot start ${name}: it has ended`));
  clearTimeout(late);
  const port = Number(/^listening on .*:(\d+)$/.exec(`${line}`)?.[1]);
  if (!port) fail(`Cannot start ${name}: its first line is ${JSON.stringify(line)}`);
  return { name, port, pid: child.pid ?? 0, stop: () => child.kill('SIGKILL') };
}

/** Has a load client talk to a server. Returns how many messages a second came back. */
export async function runLoad(
  client: Command,
  server: Running,
  load: Load,
  seconds: number,
): Promise<number> {
  const [command, ...args] = client;
  const numbers = [server.port, load.busy, seconds, load.size, load.idle].map(String);
  const child = spawn(command, [...args, ...numbers], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (errors += text));
  const [code] = await once(child, 'close');
  if (code !== 0) fail(`Cannot measure ${server.name}: ${errors.trim() || 'the load client was ended'}`);
  const counted = JSON.parse(output) as { messages: number; seconds: number };
  return counted.messages / counted.seconds;
}

/** The memory that a process has in use (its resident set), in bytes; NaN where there is no `ps`. */
export function memoryOf(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' });
  return stdout ? 1024 * Number(stdout) : Number.NaN;
}

function endWithUs(child: ChildProcess): void {
  children.add(child);
  child.once('close', () => children.delete(child));
}
