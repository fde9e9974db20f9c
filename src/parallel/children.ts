// Child processes that inherit a listener, and a parent that starts a new one when one ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { log } from '../cli/log.ts';
import { Socket } from '../sockets/socket.ts';
import { libraryFunction } from '../sockets/system-call.ts';

/** Where a child finds the listener: behind stdin, stdout and stderr. */
const LISTENER_FD = 3;
/** The environment variable that tells a child that it is one. */
const MARK = 'PREFORK_CHILD';

/** After a child that lived shorter, in milliseconds, the parent pauses, lest the machine do nothing but start processes. */
const SHORT_LIFE = 1000;

/**
 * Returns the listener that this process has inherited, or undefined in the parent. On Linux, the kernel kills a child when
 * its parent ends, for whatever reason. macOS has nothing like it.
 *
 * @see prctl(2), PR_SET_PDEATHSIG
 */
export function inheritedListener(): Socket | undefined {
  if (process.env[MARK] === undefined) return undefined;
  if (process.platform === 'linux') {
    const prctl = libraryFunction<(option: number, signal: number) => number>(
      'int prctl(int option, unsigned long signal)',
    );
    const [PR_SET_PDEATHSIG, SIGKILL] = [1, 9];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (String(process.ppid) !== process.env[MARK]) process.exit(); // The parent had ended before prctl().
  }
  return new Socket(LISTENER_FD);
}

/**
 * Runs this program in `count` child processes, which inherit the listener. When a child ends, starts another. On a signal to
 * end, ends the children first.
 */
export function supervise(count: number, listener: Socket): void {
  const children = new Set<ChildProcess>();
  let stopping = false;

  const keepOne = async (): Promise<void> => {
    while (!stopping) {
      const begin = performance.now();
      const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
        stdio: ['ignore', 'inherit', 'inherit', listener.fd],
        env: { ...process.env, [MARK]: `${process.pid}` },
      });
      children.add(child);
      const end = await new Promise((resolve) => {
        child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
        child.on('error', (error) => resolve(error.message));
      });
      children.delete(child);
      if (stopping) return;
      log(`process ${child.pid} ended: ${end}`);
      if (performance.now() - begin < SHORT_LIFE) await setTimeout(SHORT_LIFE);
    }
  };
  for (let i = 0; i < count; i++) void keepOne();

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stopping = true;
      for (const child of children) child.kill('SIGKILL');
      process.kill(process.pid, signal); // once() has removed the handler, so this signal ends the process.
    });
  }
}
