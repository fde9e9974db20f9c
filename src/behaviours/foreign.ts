// A server that is not of this project. The conversations know its port alone.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Program } from './program.ts';

// Times in milliseconds.
const START = 10_000; // until the server accepts a connection
const END = 10_000; // until it ends after Ctrl-C
const PAUSE = 50; // between two attempts to connect
const CLOSE = 500; // until it closes a connection

/** The address of a server, and its program, if this process has started it. */
export type Foreign = { port: number; host: string; statusPort?: number; program?: Program };

/** The server could not be tried. */
export class StartError extends Error {}

/**
 * Runs a server on a free port while `use` runs. `{port}` in the command stands for the port, and so does PORT in the
 * environment of the server. `{limits}` and LIMITS stand for the options of a behaviour with limits. At the end, this ends the
 * server, with all processes that it has started.
 *
 * @throws StartError if the server ends before it accepts a connection, or accepts none in ten seconds
 */
export async function withForeign<Result>(
  command: readonly string[],
  cwd: string,
  use: (server: Foreign) => Promise<Result>,
  { limits: typed = '' } = {},
): Promise<Result> {
  const [port, statusPort] = [await freePort(), await freePort()];
  const limits = typed.replace('{status}', `${statusPort}`);
  const [file = '', ...args] = command.flatMap((word) =>
    word === '{limits}' ? limits.split(' ').filter(Boolean) : word.replaceAll('{port}', `${port}`),
  );
  const options = { cwd, env: { PORT: `${port}`, LIMITS: limits }, group: true, patience: END };
  const program = new Program(file, args, options);
  try {
    return await use({ port, host: await answering(port, program), statusPort, program });
  } finally {
    await program.terminate().catch(() => {}); // fails if the program could not be started
    await program.stop().catch(() => {}); // After Ctrl-C, this does not return, so no failure is printed.
  }
}

/**
 * Connects until the server accepts, on either address of localhost. Returns that address.
 *
 * @throws StartError
 */
export async function answering(port: number, program?: Program): Promise<string> {
  const deadline = performance.now() + START;
  while (performance.now() < deadline) {
    const ended = await program?.endsWithin(PAUSE).catch((error) => {
      throw new StartError(error.message);
    });
    if (ended) throw new StartError(`it ended ${await how(program)} before it answered${lastLines(program)}`);
    for (const host of ['127.0.0.1', '::1']) if (await accepts(port, host)) return host;
    if (!program) await sleep(PAUSE);
  }
  throw new StartError(`nothing answers on port ${port} in ${START / 1000} s${lastLines(program)}`);
}

/** `with exit code 1`, or `by SIGSEGV`. */
async function how(program: Program | undefined): Promise<string> {
  const exit = await program?.exited();
  return typeof exit === 'number' ? `with exit code ${exit}` : `by ${exit}`;
}

/** The last lines that a program wrote to stderr, indented. */
export function lastLines(program: Program | undefined): string {
  const lines = program?.stderr.waiting.trimEnd().split('\n').slice(-10) ?? [];
  return lines
    .map((line) => `\n    ${line}`)
    .join('')
    .trimEnd();
}

/** Whether the server accepts a connection. Ends it, and waits for the server to close it, so that no client is left. */
async function accepts(port: number, host: string): Promise<boolean> {
  const socket = connect({ port, host }).resume();
  try {
    await once(socket, 'connect');
  } catch {
    return false;
  }
  socket.end();
  await Promise.race([once(socket, 'close'), sleep(CLOSE)]).catch(() => {});
  socket.destroy();
  return true;
}

/** A free port, below those that the kernel gives to clients: from 32768 on, ip(7). */
export async function freePort(): Promise<number> {
  const port = 20_000 + Math.floor(12_000 * Math.random());
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return freePort();
  }
  server.close();
  await once(server, 'close');
  return port;
}
