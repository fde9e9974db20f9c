// The keeper: a thread that starts the others, and gets an 'exit' event when one of them dies. The main thread would not get it:
// its event loop does not turn while it sleeps in accept().

import { parentPort, SHARE_ENV, Worker } from 'node:worker_threads';
import { beQuiet, log } from '../cli/log.ts';
import { Address, Socket } from '../sockets/socket.ts';
import { FAILED, FD, newState, RUNNING, STARTING, STATE, type Task } from './task.ts';

/** What a step exports, by name. */
type Step = Record<string, { died?: unknown }>;

let ended = 0;

/** Starts a thread for each task that the main thread posts. Posts back how many threads have ended, daemons aside. */
export function keep(step: Step): void {
  parentPort?.on('message', (task: Task) => run(step, task));
}

function run(step: Step, task: Task): void {
  try {
    const worker = startWorker(task.program, task);
    const { threadId } = worker;
    let why: unknown;
    worker.on('error', (error) => {
      why = error;
    });
    worker.on('exit', (code) => over(step, task, threadId, why ?? `exit code ${code}`));
  } catch (error) {
    over(step, task, 0, error);
  }
}

/** Starts a thread that runs the program of the step, in which thread.ts reads the task. */
export function startWorker(program: string, workerData: unknown): Worker {
  // The main thread may set QUIET after the keeper has started, so the threads share the environment.
  const argv = process.argv.slice(2);
  return new Worker(new URL(program), { workerData, argv, execArgv: [], env: SHARE_ENV });
}

function over(step: Step, task: Task, thread: number, why: unknown): void {
  const state = Atomics.compareExchange(task.state, STATE, STARTING, FAILED);
  Atomics.notify(task.state, STATE);
  if (state === RUNNING) bury(step, task, thread, why);
  if (!task.daemon) parentPort?.postMessage(++ended);
}

/** Logs a thread that died before its function returned, for want of memory for example, and closes its client. */
function bury(step: Step, task: Task, thread: number, why: unknown): void {
  if (process.env.QUIET === '1') beQuiet();
  const { client, name } = task;
  const subject = client
    ? `${new Address(client.host, client.port)} disconnected: its thread`
    : `thread ${thread}`;
  log(`${subject} has died: ${why}`);
  const fd = Atomics.load(task.state, FD);
  if (fd < 0) return;
  if (step[name]?.died && task.dead === undefined) run(step, { ...task, dead: thread, state: newState(fd) });
  else new Socket(fd).close();
}
