// Threads that run a function of the step. Node calls them workers; each has its own JavaScript, and all share the
// process: its memory if it is a SharedArrayBuffer, and its descriptors.

import { closeSync, openSync } from 'node:fs';
import { isMainThread, threadId, type Worker, workerData } from 'node:worker_threads';
import { log } from '../cli/log.ts';
import { Address, Socket } from '../sockets/socket.ts';
import { keep, startWorker } from './keeper.ts';
import { prepareProgram } from './program.ts';
import { ENDED, FAILED, FD, GIVEN_UP, newState, RUNNING, STARTING, STATE, type Task } from './task.ts';
import { waitOn } from './wait-on.ts';

export { isMainThread } from 'node:worker_threads';

/** How long a thread may take to start, in milliseconds. Usually it takes 40, on a machine that is busy much longer. */
const PATIENCE = 60_000;

/** Descriptors to be free before a thread is started: it opens four, and clients may come while there is no other. */
const SPARE_DESCRIPTORS = 128;
/** Memory that has to be free, in bytes: a thread takes about 10 MB. (On macOS, Node's figure leaves out what could be freed.) */
const SPARE_MEMORY = 64 * 1024 * 1024;
const onLinux = process.platform === 'linux';

const program = isMainThread ? `${prepareProgram()}` : '';
const keeper = isMainThread ? startKeeper() : undefined;
let started = 0;

type Handler<Args extends unknown[]> = new (...args: Args) => { serve(): void };
type Serve<Args extends unknown[]> = ((...args: Args) => void) & {
  /** Runs in another thread when this function's thread has died. Then the client is closed. */
  died?: (thread: number, ...args: Args) => void;
};

function isHandler<Args extends unknown[]>(run: Runnable<Args>): run is Handler<Args> {
  return run.prototype?.serve !== undefined;
}

/** A function that a step exports, or a class with a method serve(). */
type Runnable<Args extends unknown[]> = Serve<Args> | Handler<Args>;

/** What threads may run besides what the step exports, by name. */
const libraryFunctions = new Map<string, Runnable<never[]>>();

/** Lets {@link startThread} run a function of a library. Call it while the library loads: it does so in threads, too. */
export function allowInThreads(run: Runnable<never[]>): void {
  libraryFunctions.set(run.name, run);
}

/** What the step exports, in a thread. */
let step: Record<string, unknown> = {};

/** In a thread, calls the function that the step exports by this name. @throws Error if there is none */
export function callOfStep(name: string, args: unknown[]): unknown {
  const run = step[name];
  if (typeof run !== 'function')
    throw new Error(`Cannot call ${name} in a thread: the step does not export it`);
  return run(...args);
}

/**
 * Runs a function in a thread of its own. The thread ends with the function. It has to be exported by the step,
 * because the thread loads the step anew, and finds it by its name; `isMainThread` tells the two apart there.
 *
 * @param args what can be cloned: numbers, strings, plain objects, SharedArrayBuffers. No sockets: see `fd`.
 * @throws Error if it does not start, for want of descriptors or memory
 * @see https://nodejs.org/api/worker_threads.html
 */
export function startThread<Args extends unknown[]>(run: Runnable<Args>, ...args: Args): void {
  start({ name: run.name, args });
}

/** Like {@link startThread}, but the process does not wait for this thread to end. */
export function startDaemon<Args extends unknown[]>(run: Runnable<Args>, ...args: Args): void {
  start({ name: run.name, args, daemon: true });
}

/**
 * Runs `serve(client, address, ...args)` in a thread of its own, to which the client belongs from now on. If there is no room
 * for one more thread, the client is rejected: that is logged, and the connection closed.
 */
export function serveInThread<Args extends unknown[]>(
  serve: Runnable<[Socket, Address, ...Args]>,
  client: Socket,
  address: Address,
  ...args: Args
): void {
  try {
    start({ name: serve.name, args, client: { fd: client.fd, host: address.host, port: address.port } });
  } catch (error) {
    log(`${address} rejected: ${(error as Error).message}`);
    client.close();
  }
}

/** The process ends with the last thread: the keeper alone is no reason to stay. */
function startKeeper(): Worker {
  const keeper = startWorker(program, { keeps: program });
  keeper.on('message', (ended: number) => ended === started && keeper.unref());
  keeper.unref();
  return keeper;
}

function start(task: Omit<Task, 'program' | 'state'>): void {
  checkRoom();
  const state = newState(task.client?.fd);
  if (!task.daemon) {
    started++;
    keeper?.ref();
  }
  keeper?.postMessage({ ...task, program, state } satisfies Task);
  // One at a time: whether there is room for the next thread can be seen when this one has taken its own.
  waitOn(state, STATE, STARTING, PATIENCE);
  const how = Atomics.compareExchange(state, STATE, STARTING, GIVEN_UP);
  if (how === STARTING) throw new Error(`no thread in ${PATIENCE} ms`);
  if (how === FAILED) throw new Error('the thread has not started');
}

/** Node does not survive it when a thread finds no descriptor for itself. So look before it is started. */
function checkRoom(): void {
  const spare: number[] = [];
  try {
    while (spare.length < SPARE_DESCRIPTORS) spare.push(openSync('/dev/null', 'r'));
  } catch (error) {
    throw new Error(`no descriptors for one more thread: ${(error as NodeJS.ErrnoException).code}`);
  } finally {
    for (const fd of spare) closeSync(fd);
  }
  if (onLinux && process.availableMemory() < SPARE_MEMORY) throw new Error('no memory for one more thread');
}

// In a thread, this module is loaded by the step, and the step is complete one turn of the event loop later.
if (!isMainThread && workerData.keeps) setImmediate(async () => keep(await import(workerData.keeps)));
else if (!isMainThread) setImmediate(perform, workerData as Task);

async function perform({ program, name, args, client, dead, state }: Task): Promise<void> {
  step = await import(program);
  if (Atomics.compareExchange(state, STATE, STARTING, RUNNING) !== STARTING) return; // Too late: start() has given up.
  Atomics.notify(state, STATE);
  const socket = client && new Client(client.fd, state);
  const all = client ? [socket, new Address(client.host, client.port), ...args] : args;
  try {
    const run = (libraryFunctions.get(name) ?? step[name]) as Runnable<unknown[]>;
    if (dead !== undefined) (run as Serve<unknown[]>).died?.(dead, ...all);
    else if (isHandler(run)) new run(...all).serve();
    else run(...all);
    if (dead !== undefined) socket?.close();
  } catch (error) {
    // The error ends this thread and its client. The others go on.
    log(`thread ${threadId} failed: ${error}`);
    socket?.close();
  }
  Atomics.store(state, STATE, ENDED);
}

/** The client of a thread. The keeper closes it if the thread dies, but not when the descriptor may be another's by then. */
class Client extends Socket {
  readonly #state: Int32Array<SharedArrayBuffer>;

  constructor(fd: number, state: Int32Array<SharedArrayBuffer>) {
    super(fd);
    this.#state = state;
  }

  override close(): void {
    Atomics.store(this.#state, FD, -1);
    super.close();
  }
}
