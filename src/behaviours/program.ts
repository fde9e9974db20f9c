// Programs that a conversation or a measurement needs, and what they print. None of them outlives this process.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ExpectationError, Inbox, PATIENCE } from './inbox.ts';

/** How a program ended: its exit code, or the signal that ended it. */
export type Exit = number | NodeJS.Signals;

export type ProgramOptions = {
  /** Where it runs: in the folder of this process, unless this names another. */
  cwd?: string;
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
    const { cwd, env = {}, patience = PATIENCE, group = false } = options;
    this.#group = group;
    this.#patience = patience;
    // npm passes on its own options, and with npm --quiet test each npm start would find a --quiet.
    const inherited = { ...process.env, npm_config_loglevel: 'notice' };
    this.child = spawn(command, args, { cwd, env: { ...inherited, ...env }, detached: group });
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
