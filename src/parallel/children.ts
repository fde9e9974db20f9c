// Child processes that inherit listeners, and a parent that starts a new one when one ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { endBy } from '../cli/end-by.ts';
import { log } from '../cli/log.ts';
import { Socket } from '../sockets/socket.ts';
import { libraryFunction } from '../sockets/system-call.ts';

/** Where a child finds the first listener: behind stdin, stdout and stderr. */
const LISTENER_FD = 3;
/** The environment variable of a child: the id of its parent, and how many listeners it inherits. */
const MARK = 'PREFORK_CHILD';

/** If a child lived shorter, in milliseconds, the parent pauses. Otherwise the machine might do nothing but start processes. */
const SHORT_LIFE = 1000;

/**
 * Returns the listeners that this process has inherited, none in the parent. On Linux, the kernel kills a child when its
 * parent ends, for whatever reason. macOS has nothing like it.
 *
 * @see prctl(2), PR_SET_PDEATHSIG
 */
export function inheritedListeners(): Socket[] {
  const [parent, count] = process.env[MARK]?.split(' ') ?? [];
  if (parent === undefined) return [];
  if (process.platform === 'linux') {
    const prctl = libraryFunction<(option: number, signal: number) => number>(
      'int prctl(int option, unsigned long signal)',
    );
    const [PR_SET_PDEATHSIG, SIGKILL] = [1, 9];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (String(process.ppid) !== parent) process.exit(); // The parent had ended before prctl().
  }
  return Array.from({ length: Number(count) }, (_, i) => new Socket(LISTENER_FD + i));
}

/**
 * Runs this program in `count` child processes, which inherit the listeners. When a child ends, starts another. On a signal to
 * end, ends the children first.
 *
 * @param drain whether to ask the children to end, by SIGTERM, and to wait for them
 */
export function supervise(count: number, listeners: Socket[], { drain = false } = {}): void {
  const children = new Set<ChildProcess>();
  let stopping = false;

  const keepOne = async (): Promise<void> => {
    while (!stopping) {
      const begin = performance.now();
      const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
        stdio: ['ignore', 'inherit', 'inherit', ...listeners.map(({ fd }) => fd)],
        env: { ...process.env, [MARK]: `${process.pid} ${listeners.length}` },
        detached: drain, // A terminal sends SIGINT to a whole group of processes. Only the parent is to end these children.
      });
      children.add(child);
      const end = await new Promise((resolve) => {
        child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
        child.on('error', (error) => resolve(error.message));
      });
      children.delete(child);
      if (stopping && children.size === 0) process.exit(0);
      if (stopping) return;
      log(`process ${child.pid} ended: ${end}`);
      if (performance.now() - begin < SHORT_LIFE) await setTimeout(SHORT_LIFE);
    }
  };
  for (let i = 0; i < count; i++) void keepOne();

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stopping = true;
      for (const child of children) child.kill(drain ? 'SIGTERM' : 'SIGKILL');
      if (drain) {
        for (const listener of listeners) listener.close();
        if (children.size === 0) process.exit(0);
        return;
      }
      endBy(signal);
    });
  }
}
