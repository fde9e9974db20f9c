// Helpers of most tests: steps by their names, programs that run to their end, and what this machine has.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSteps, levelOf } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { ExpectationError, PATIENCE } from '../src/behaviours/inbox.ts';
import { type Exit, Program, type ProgramOptions } from '../src/behaviours/program.ts';
import {
  runnable,
  type Server,
  type ServerOptions,
  serving as servingPath,
} from '../src/behaviours/server.ts';
import { noRing } from '../src/completion/support.ts';
import { type Address, Socket } from '../src/sockets/socket.ts';

export { installed } from '../src/behaviours/program.ts';

export const onLinux = process.platform === 'linux';

/** Whether strace may look at the processes of this user. Ubuntu allows it for child processes only: ptrace(2), Yama. */
export function canTrace(): boolean {
  const yama = '/proc/sys/kernel/yama/ptrace_scope';
  const mayAttach =
    process.getuid?.() === 0 || !existsSync(yama) || readFileSync(yama, 'utf8').trim() === '0';
  return mayAttach && spawnSync('strace', ['-f', 'true']).status === 0;
}

/** Whether a step can run here: those on io_uring need one. */
export function runsHere(step: string): boolean {
  return !step.startsWith('ring') || noRing === undefined;
}

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'async-comparisons-'));
  folders.push(folder);
  return folder;
}

const pathOf = (step: string) => findSteps().get(step)?.path ?? step;

/** Runs a step, or the fixture with this path, on a free port while `use` runs. Behind it may stand options: `pool4 --workers 1`. */
export function serving<Result>(
  command: string,
  use: (server: Server) => Promise<Result>,
  { args = [], ...options }: ServerOptions = {},
): Promise<Result> {
  const [step = '', ...words] = command.split(' ');
  return servingPath(pathOf(step), use, { args: [...words, ...args], ...options });
}

/** From now on, this server may open so many more descriptors. Linux only. */
export function limitDescriptors({ child }: Server, more: number): void {
  const open = new Set(readdirSync(`/proc/${child.pid}/fd`).map(Number));
  let limit = 0;
  for (let free = 0; free < more; limit++) if (!open.has(limit)) free++;
  const { stderr } = spawnSync('prlimit', [`--pid=${child.pid}`, `--nofile=${limit}`]);
  if (`${stderr}` !== '') throw new Error(`Cannot limit descriptors: ${stderr}`);
}

/** The bytes that ask a step to echo this line. */
export function request(step: string, line: string): string {
  return levelOf(step) < 7 ? `${line}\n` : `ECHO ${line}\n`;
}

/** Connects, sends this in one piece, ends its half of the connection, and returns all bytes that come back. */
export async function say({ port }: { port: number }, data: string | Buffer): Promise<string> {
  const client = await Client.connect(port);
  await client.send(data);
  client.end();
  return client.rest();
}

/** Listens with this server of Node's, by default on a free port, while `use` runs. */
export async function listening(
  server: NetServer,
  use: (port: number) => Promise<void>,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  await use((server.address() as { port: number }).port).finally(() => server.close());
}

/** Both ends of a connection. The kernel completes it before accept(): so one thread can connect, and then accept. */
export function connection(host = '127.0.0.1'): { client: Socket; server: Socket; address: Address } {
  const listener = Socket.listen({ host, port: 0 });
  const client = Socket.connect(listener.localAddress());
  const [server, address] = listener.accept();
  listener.close();
  return { client, server, address };
}

/** Both ends of a connection, non-blocking. */
export function pair(): [Socket, Socket] {
  const { client, server } = connection();
  for (const socket of [client, server]) socket.setBlocking(false);
  return [client, server];
}

/** How long a program may run, in milliseconds. It is long, because a machine may be busy. */
const LONG = 150_000;

/** Runs a program to its end. */
export async function run(
  command: string,
  args: string[],
  { input, ...options }: ProgramOptions & { input?: string } = {},
): Promise<{ exit: Exit; stdout: string; stderr: string }> {
  const program = new Program(command, args, { patience: LONG, ...options });
  try {
    program.child.stdin?.end(input);
    const [stdout, stderr] = await Promise.all([program.stdout.rest(), program.stderr.rest()]);
    return { exit: await program.exited(), stdout, stderr };
  } finally {
    await program.stop();
  }
}

/** Runs a script of this project to its end. */
export function runScript(path: string, ...args: string[]): ReturnType<typeof run> {
  return run(process.execPath, [...runnable(path), ...args]);
}

/** Looks again and again until a condition is true. Fails if it stays false. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!isSo()) {
    if (performance.now() > deadline) throw new ExpectationError(`never: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Waits until the main thread of a server does not wake for a second. A thread of Node's own wakes it now and then, but not every
 * second.
 */
export async function sleeps({ child }: Server): Promise<void> {
  const look = () => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return status.split('\n').filter((line) => /^(State|voluntary_ctxt_switches):/.test(line));
  };
  const [seconds, asleep] = [5, 'State:\tS (sleeping)'];
  for (let i = 1; i <= seconds; i++) {
    const before = look();
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the second in which nothing is to happen
    const after = look();
    if (after[0] === asleep && `${after}` === `${before}`) return;
    if (i === seconds) throw new ExpectationError(`it wakes: ${before}, a second later ${after}`);
  }
}
