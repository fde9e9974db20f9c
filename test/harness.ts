// Starts a step as a user would, as a process of its own, and talks to it over real TCP. Whatever is waited for
// has a deadline, and fails with what was seen until then.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { findSteps, root } from '../scripts/steps.ts';
import { GrowingBuffer } from '../src/protocol/growing-buffer.ts';

/** How long to wait for what should come, in milliseconds: long, because these machines may be busy. */
export const PATIENCE = 20_000;

/** What should have come did not, or something else did. */
export class ExpectationError extends Error {}

/** Bytes that arrive over time, and can be waited for. */
export class Inbox {
  /** What has arrived since somebody looked, and what had arrived before that. */
  #arrived: Buffer[] = [];
  readonly #memory = new GrowingBuffer();
  #taken = 0;
  #received = 0;
  #ended = false;
  #changed = () => {};
  readonly #name: string;
  readonly #patience: number;

  constructor(name: string, patience: number) {
    this.#name = name;
    this.#patience = patience;
  }

  push(bytes: Buffer): void {
    this.#arrived.push(bytes);
    this.#received += bytes.length;
    this.#changed();
  }

  /** Drops what has come so far. */
  forget(): void {
    this.#arrived = [];
    this.#memory.clear();
    this.#taken = 0;
  }

  end(): void {
    this.#ended = true;
    this.#changed();
  }

  get #bytes(): Buffer {
    if (this.#arrived.length > 0) this.#memory.append(Buffer.concat(this.#arrived.splice(0)));
    return this.#memory.bytes.subarray(this.#taken);
  }

  /** How many bytes have ever arrived. */
  get received(): number {
    return this.#received;
  }

  /** What has arrived and was not taken. */
  get waiting(): string {
    return this.#bytes.toString();
  }

  /** Waits until what has come, and was not taken, has this in it. Takes nothing. */
  async has(text: string): Promise<void> {
    let searched = 0; // Not from the beginning each time: there may be megabytes.
    await this.until(JSON.stringify(text), () => {
      const found = this.#bytes.includes(text, searched);
      searched = Math.max(0, this.#bytes.length - Buffer.byteLength(text));
      return found;
    });
  }

  /** Waits for a line, and takes it, without its `\n`. */
  async line(): Promise<string> {
    await this.until('a line', () => this.#bytes.includes('\n'));
    return this.#take(this.#bytes.indexOf('\n') + 1)
      .toString()
      .slice(0, -1);
  }

  /** Waits for a line that matches, and takes it and those before it. */
  async lineLike(pattern: RegExp): Promise<string> {
    while (true) {
      const line = await this.line();
      if (pattern.test(line)) return line;
    }
  }

  /** Waits for that many bytes, and takes them. */
  async bytes(count: number): Promise<Buffer> {
    await this.until(`${count} bytes`, () => this.#bytes.length >= count);
    return this.#take(count);
  }

  /** Waits for the end, and takes all until then. */
  async rest(): Promise<string> {
    await this.until('the end', () => this.#ended);
    return this.#take(this.#bytes.length).toString();
  }

  /** Waits until something is so, which can only change when more comes. */
  async until(what: string, isThere: () => boolean): Promise<void> {
    const deadline = performance.now() + this.#patience;
    while (!isThere()) {
      const left = deadline - performance.now();
      if (this.#ended || left <= 0) {
        const why = this.#ended ? 'the end' : `nothing more in ${this.#patience} ms`;
        const seen = JSON.stringify(this.waiting.slice(-1000));
        throw new ExpectationError(`${this.#name}: waited for ${what}, but after ${seen} came ${why}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #take(count: number): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, count));
    this.#taken += count;
    if (this.#taken === this.#memory.length) this.forget();
    return taken;
  }
}

/** How a program ended: its exit code, or the signal that ended it. */
export type Exit = number | NodeJS.Signals;

export type ProgramOptions = {
  env?: NodeJS.ProcessEnv;
  /** How long to wait for its output, in milliseconds. */
  patience?: number;
  /** Whether it starts programs of its own, such as npm does: signals go to all of them, as Ctrl-C does. */
  group?: boolean;
};

/** A program that runs, and what it prints. */
export class Program {
  readonly child: ChildProcess;
  readonly stdout: Inbox;
  readonly stderr: Inbox;
  readonly #patience: number;
  readonly #end: Promise<Exit>;

  readonly #group: boolean;

  constructor(command: string, args: string[], options: ProgramOptions = {}) {
    const { env = {}, patience = PATIENCE, group = false } = options;
    this.#group = group;
    this.#patience = patience;
    // npm passes on its own options, and with npm --quiet test each npm start would find a --quiet.
    const inherited = { ...process.env, npm_config_loglevel: 'notice' };
    this.child = spawn(command, args, { cwd: root, env: { ...inherited, ...env }, detached: group });
    running.add(this);
    this.stdout = new Inbox(`stdout of ${args.join(' ')}`, patience);
    this.stderr = new Inbox(`stderr of ${args.join(' ')}`, patience);
    this.child.stdout?.on('data', (bytes) => this.stdout.push(bytes)).on('end', () => this.stdout.end());
    this.child.stderr?.on('data', (bytes) => this.stderr.push(bytes)).on('end', () => this.stderr.end());
    this.child.stdin?.on('error', () => {}); // It may end before it has read all it was sent.
    this.#end = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('exit', (code, signal) => {
        running.delete(this);
        resolve(signal ?? code ?? 0);
      });
    });
    this.#end.catch(() => {}); // Whoever waits for it will hear of it.
  }

  /** Waits until it has ended: with this exit code, or by this signal. */
  async exited(): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `${this.child.spawnargs.join(' ')} has not ended in ${this.#patience} ms`;
      timer = setTimeout(() => reject(new ExpectationError(why)), this.#patience);
    });
    try {
      return await Promise.race([this.#end, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What it sees when somebody types. */
  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Ends it, if it has not ended by itself. */
  stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.kill(signal);
    return this.exited();
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#group || !this.child.pid) {
      this.child.kill(signal);
      return;
    }
    try {
      process.kill(-this.child.pid, signal);
    } catch (error) {
      // It has ended just now, and we have not heard of it yet.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ESRCH' && code !== 'EPERM') throw error; // On macOS, EPERM.
    }
  }
}

// If a test gives up, or the tests are interrupted, nothing that they started is left behind.
const running = new Set<Program>();
process.on('exit', () => {
  for (const program of running) program.kill('SIGKILL');
});
// vitest ends the process of a test that hangs by a signal, and people end npm run timeline by Ctrl-C: then there is no 'exit'.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** How to run a file of TypeScript: Node does it itself, or tsx helps. */
const { typescript } = process.features as { typescript?: string | false };
export const nodeOptions = typescript ? [] : ['--import', 'tsx'];

/** The JavaScript that build.ts has made of a file before the tests. Outside of the tests there is none. */
function built(path: string): string {
  const { BUILT } = process.env;
  const file = join(BUILT ?? '', path.replace(/\.ts$/, '.mjs'));
  return BUILT && existsSync(file) ? file : path;
}

/** How Node is to run a file, with these options: as the JavaScript that build.ts has made of it, or as it stands. */
export function runnable(path: string, nodeArgs: string[] = []): string[] {
  const files = [...nodeArgs, path].map(built);
  return files.some((file) => file.endsWith('.ts')) ? [...nodeOptions, ...nodeArgs, path] : files;
}

/** A step that runs, on a port of its own, and is listening. */
export class Server extends Program {
  port = 0;

  /** Its next line of output. */
  log(): Promise<string> {
    return this.stdout.line();
  }

  /** Waits for a line of its output that matches. */
  logged(pattern: RegExp): Promise<string> {
    return this.stdout.lineLike(pattern);
  }
}

/** Runs a step for as long as `use` takes, on a free port. */
export async function serving<Result>(
  step: string,
  use: (server: Server) => Promise<Result>,
  { args = [], nodeArgs = [], ...options }: ProgramOptions & { args?: string[]; nodeArgs?: string[] } = {},
): Promise<Result> {
  const path = findSteps().get(step)?.path ?? step;
  const command = [...runnable(path, nodeArgs), '--port', '0', ...args];
  // macOS has nothing that ends children with their parent.
  const server = new Server(process.execPath, command, { group: process.platform === 'darwin', ...options });
  try {
    const first = await server.log().catch(async (error) => {
      throw new Error(`${step} did not start: ${error.message} ${server.stderr.waiting}`);
    });
    server.port = Number(/^listening on \S+:(\d+)$/.exec(first)?.[1]);
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: string[],
  { input, ...options }: ProgramOptions & { input?: string } = {},
): Promise<{ exit: Exit; stdout: string; stderr: string }> {
  const program = new Program(command, args, options);
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

/** A user: a TCP connection that says just what it is told to, in just these pieces. */
export class Client {
  readonly socket: Socket;
  readonly #inbox: Inbox;

  private constructor(socket: Socket, patience: number) {
    this.socket = socket;
    this.#inbox = new Inbox('client', patience);
    socket.on('data', (bytes) => this.#inbox.push(bytes));
    socket.on('close', () => this.#inbox.end());
    socket.on('end', () => this.#inbox.end());
    socket.on('error', () => {}); // 'close' follows, and nobody waits for more than that.
  }

  /** @throws ExpectationError if nobody listens */
  static connect(port: number, patience = PATIENCE): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
      socket.once('error', (error) => reject(new ExpectationError(error.message)));
      socket.once('connect', () => resolve(new Client(socket, patience)));
    });
  }

  /** Sends this as one piece, and waits until the kernel has it. */
  send(data: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(data, () => resolve()));
  }

  line(): Promise<string> {
    return this.#inbox.line();
  }

  bytes(count: number): Promise<Buffer> {
    return this.#inbox.bytes(count);
  }

  rest(): Promise<string> {
    return this.#inbox.rest();
  }

  /** Waits until this has come, among other things. */
  has(text: string): Promise<void> {
    return this.#inbox.has(text);
  }

  /** What has come and was not asked for. */
  get waiting(): string {
    return this.#inbox.waiting;
  }

  /** Says that nothing more will come from here: a half-close. What the server still says is received. */
  end(): void {
    this.socket.end();
  }

  /** Goes, like a program that is closed. */
  close(): void {
    this.socket.destroy();
  }

  /** Goes, and lets the server find a connection that is broken: an RST in place of a FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Waits until something is so that can only be seen by looking, and fails if it never is. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!isSo()) {
    if (performance.now() > deadline) throw new ExpectationError(`never: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
