// The keeper: a thread that starts the others, and gets an 'exit' event when one of them dies. The main thread would not get it:
// its event loop does not turn while it sleeps in accept(). If a thread of a pool dies, the keeper starts another.

import { parentPort, SHARE_ENV, Worker } from 'node:worker_threads';
import { beQuiet, log } from '../cli/log.ts';
import { Address, Socket } from '../sockets/socket.ts';
import { checkRoom } from './check-room.ts';
import { FAILED, FD, newState, RUNNING, STARTING, STATE, type Task } from './task.ts';

/** What a step exports, by name. */
type Step = Record<string, { died?: unknown }>;

/** Which thread has died, why, and after how many milliseconds. */
type Death = { thread: number; why: unknown; age: number };

/** If a thread lived shorter, in milliseconds, the keeper pauses. Otherwise the machine might do nothing but start threads. */
const SHORT_LIFE = 1000;

let ended = 0;

/** Starts a thread for each task that the main thread posts. Posts back how many threads have ended, daemons aside. */
export function keep(step: Step): void {
  parentPort?.on('message', (task: Task) => run(step, task));
}

function run(step: Step, task: Task): void {
  const begin = performance.now();
  const end = (thread: number, why: unknown) =>
    over(step, task, { thread, why, age: performance.now() - begin });
  try {
    if (Atomics.load(task.state, STATE) === RUNNING) checkRoom(); // For a first thread, start() has done that.
    const worker = startWorker(task.program, task);
    const { threadId } = worker;
    let why: unknown;
    worker.on('error', (error) => {
      why = error;
    });
    worker.on('exit', (code) => end(threadId, why ?? `exit code ${code}`));
  } catch (error) {
    end(0, error);
  }
}

/** Starts a thread that runs the program of the step, in which thread.ts reads the task. */
export function startWorker(program: string, workerData: unknown): Worker {
  // The main thread may set QUIET after the keeper has started, so the threads share the environment.
  const argv = process.argv.slice(2);
  return new Worker(new URL(program), { workerData, argv, execArgv: [], env: SHARE_ENV });
}

function over(step: Step, task: Task, death: Death): void {
  const state = Atomics.compareExchange(task.state, STATE, STARTING, FAILED);
  Atomics.notify(task.state, STATE);
  if (state === RUNNING) {
    bury(task, death);
    if (replaced(step, task, death)) return;
  }
  if (!task.daemon) parentPort?.postMessage(++ended);
}

/** Logs a thread that died before its function returned, for want of memory for example. */
function bury({ client }: Task, { thread, why }: Death): void {
  if (process.env.QUIET === '1') beQuiet();
  const subject = client
    ? `${new Address(client.host, client.port)} disconnected: its thread`
    : `thread ${thread}`;
  log(`${subject} has died: ${why}`);
}

/**
 * Starts another thread for a dead one: to run `died()` for its client, or, in a pool, to go on in its place. Returns false if there
 * is nothing more to be done. A client that is left is closed.
 */
function replaced(step: Step, task: Task, { thread, age }: Death): boolean {
  const fd = Atomics.load(task.state, FD);
  if (fd >= 0 && step[task.name]?.died && task.dead === undefined) {
    run(step, { ...task, dead: thread, state: newState(fd) });
    return true;
  }
  if (fd >= 0) new Socket(fd).close();
  if (task.client) return false;
  setTimeout(run, age < SHORT_LIFE ? SHORT_LIFE : 0, step, { ...task, state: newState(-1, RUNNING) });
  return true;
}
