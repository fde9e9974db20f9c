// Programs that a conversation or a measurement starts, and what they print. None of them outlives this process.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectationError, Inbox, PATIENCE } from './inbox.ts';

/** How long a program may take to end when SIGTERM asks it to, in milliseconds. */
const GRACE = 2000;
/** The pause between two looks at it meanwhile, in milliseconds. */
const PAUSE = 20;
const IDLE = 500 / PAUSE;

/** How a program ended: its exit code, or the signal that ended it. */
export type Exit = number | NodeJS.Signals;

export type ProgramOptions = {
  /** The folder that it runs in. The default is that of this process. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** How long to wait for its output, in milliseconds. */
  patience?: number;
  /** Whether it starts programs of its own, as npm does. Then signals go to all of them, as Ctrl-C does. */
  group?: boolean;
};

/** Whether this machine has all of these programs, in the folders of PATH. */
export function installed(...programs: string[]): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return programs.every((program) => folders.some((folder) => existsSync(join(folder, program))));
}

/** A running program, and what it prints. */
export class Program {
  readonly child: ChildProcess;
  readonly stdout: Inbox;
  readonly stderr: Inbox;
  readonly #patience: number;
  readonly #end: Promise<Exit>;

  readonly #group: boolean;

  constructor(command: string, args: string[], options: ProgramOptions = {}) {
    const { cwd, env = {}, patience = PATIENCE, group = false } = options;
    this.#group = group;
    this.#patience = patience;
    // npm passes its own options on in the environment: under npm --quiet test, each npm start would find --quiet. And the
    // npm that runs here is not to ask its registry whether there is a newer one.
    const inherited = { ...process.env, npm_config_loglevel: 'notice', npm_config_update_notifier: 'false' };
    this.child = spawn(command, args, { cwd, env: { ...inherited, ...env }, detached: group });
    running.add(this);
    this.stdout = new Inbox(`stdout of ${args.join(' ')}`, { patience });
    this.stderr = new Inbox(`stderr of ${args.join(' ')}`, { patience });
    this.child.stdout?.on('data', (bytes) => this.stdout.push(bytes)).on('end', () => this.stdout.over());
    this.child.stderr?.on('data', (bytes) => this.stderr.push(bytes)).on('end', () => this.stderr.over());
    this.child.stdin?.on('error', () => {}); // It may end before it has read all input.
    this.#end = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('exit', (code, signal) => {
        if (!group || !this.#signal(0)) running.delete(this); // Otherwise programs that it has started still run.
        resolve(signal ?? code ?? 0);
      });
    });
    this.#end.catch(() => {}); // exited() throws this error.
  }

  /** Whether it has ended, or ends within so many milliseconds. */
  async endsWithin(milliseconds: number): Promise<boolean> {
    const late = new AbortController();
    const has = this.#end.then(() => true);
    const hasNot = sleep(milliseconds, false, { signal: late.signal }).catch(() => false);
    return Promise.race([has, hasNot]).finally(() => late.abort());
  }

  /** Whether it has ended, or ends before it has been idle for half a second. */
  async endsSoon(): Promise<boolean> {
    for (let idle = 0; idle < IDLE; ) {
      if (await this.endsWithin(PAUSE)) return true;
      idle = this.isBusy ? 0 : idle + 1;
    }
    return false;
  }

  /**
   * Waits until it has ended. Returns its exit code, or the signal that has ended it. While this process is ending, this never
   * returns: the signal has ended its programs, too, and that is no failure of theirs.
   */
  async exited(): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `${this.child.spawnargs.join(' ')} has not ended in ${this.#patience} ms`;
      timer = setTimeout(() => reject(new ExpectationError(why, 'silence')), this.#patience);
    });
    try {
      const exit = await Promise.race([this.#end, late]);
      await ending;
      return exit;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether a thread of it, or of its children, runs, or waits for a CPU. False where there is no /proc. */
  get isBusy(): boolean {
    return isRunning(this.child.pid ?? 0);
  }

  /** Sends this to its standard input. */
  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Sends it SIGTERM, and SIGKILL to all that still runs two seconds later. */
  async terminate(): Promise<Exit> {
    this.kill('SIGTERM');
    const deadline = performance.now() + GRACE;
    while (this.#signal(0) && performance.now() < deadline) await sleep(PAUSE);
    this.kill('SIGKILL');
    return this.#end;
  }

  /** Ends it, if it still runs. */
  stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.kill(signal);
    return this.exited();
  }

  kill(signal: NodeJS.Signals): void {
    this.#signal(signal);
  }

  /** Sends a signal. Returns whether there was a process to send it to. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    const { pid, exitCode, signalCode } = this.child;
    if (!pid) return false;
    if (!this.#group) return exitCode === null && signalCode === null && this.child.kill(signal);
    try {
      return process.kill(-pid, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ESRCH' && code !== 'EPERM') throw error; // macOS: EPERM if it has just ended
      return false;
    }
  }
}

function isRunning(pid: number): boolean {
  return contents(`/proc/${pid}/task`, (path) => readdirSync(path)).some((thread) => {
    const read = (file: string) =>
      `${contents(`/proc/${pid}/task/${thread}/${file}`, (path) => readFileSync(path))}`;
    if (/\) [RD] /.test(read('stat'))) return true;
    const children = read('children').split(' ').map(Number);
    return children.some((child) => child > 0 && isRunning(child));
  });
}

/** The contents, or nothing if there is no such file: without /proc, or if the thread has just ended. */
function contents<Contents>(path: string, read: (path: string) => Contents): Contents | [] {
  try {
    return read(path);
  } catch {
    return [];
  }
}

const running = new Set<Program>();
/** A promise that is never fulfilled. It is set when a signal ends this process. */
let ending: Promise<never> | undefined;

// No program outlives this process, which may end by itself, by Ctrl-C, or by a signal of vitest when a test hangs.
process.on('exit', () => {
  for (const program of running) program.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, async () => {
    const exit = () => process.exit(128 + constants.signals[signal]);
    if (ending) exit(); // After a second Ctrl-C, it ends at once.
    ending = new Promise(() => {});
    await Promise.allSettled(Array.from(running, (program) => program.terminate()));
    exit();
  });
}
