// Threads that run a function of the step. Node calls them workers: each is a JavaScript engine of its own, and all share the
// process's descriptors, and memory in a SharedArrayBuffer.

import { isMainThread, threadId, type Worker, workerData } from 'node:worker_threads';
import { log } from '../cli/log.ts';
import { Address, Socket } from '../sockets/socket.ts';
import { checkRoom } from './check-room.ts';
import { keep, startWorker } from './keeper.ts';
import { prepareProgram } from './program.ts';
import { ENDED, FAILED, FD, GIVEN_UP, newState, RUNNING, STARTING, STATE, type Task } from './task.ts';
import { waitOn } from './wait-on.ts';

export { isMainThread } from 'node:worker_threads';

/** How long a thread may take to start, in milliseconds. It usually takes 40, and much longer on a busy machine. */
const PATIENCE = 60_000;

const program = isMainThread ? `${prepareProgram()}` : '';
const keeper = isMainThread ? startKeeper() : undefined;
let started = 0;

type Handler<Args extends unknown[]> = new (...args: Args) => { serve(): void };
type Serve<Args extends unknown[]> = ((...args: Args) => void) & {
  /** Runs in another thread when this function's thread has died. The client is closed after it. */
  died?: (thread: number, ...args: Args) => void;
};

function isHandler<Args extends unknown[]>(run: Runnable<Args>): run is Handler<Args> {
  return run.prototype?.serve !== undefined;
}

/** A function that a step exports, or a class with a method serve(). */
type Runnable<Args extends unknown[]> = Serve<Args> | Handler<Args>;

/** Functions that threads may run besides those that the step exports, by name. */
const libraryFunctions = new Map<string, Runnable<never[]>>();

/** Lets {@link startThread} run a function of a library. Call it while the library loads, so that it runs in each thread, too. */
export function allowInThreads(run: Runnable<never[]>): void {
  libraryFunctions.set(run.name, run);
}

/** In a thread: what the step exports. */
let step: Record<string, unknown> = {};

/** In a thread: calls the function that the step exports by this name. @throws Error if there is none */
export function callOfStep(name: string, args: unknown[]): unknown {
  const run = step[name];
  if (typeof run !== 'function')
    throw new Error(`Cannot call ${name} in a thread: the step does not export it`);
  return run(...args);
}

/**
 * Runs a function in a thread of its own. The thread ends with the function. The thread loads the step anew, and finds the
 * function by its name: so the step has to export it, and check `isMainThread` before it starts a server. If the thread dies
 * before, or the function throws, another thread takes its place, and calls the function anew.
 *
 * @param args what can be cloned: numbers, strings, plain objects, SharedArrayBuffers. Not a Socket: pass its `fd`.
 * @throws Error if the thread does not start, for want of descriptors or memory
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
 * for one more thread, logs that, and closes the connection.
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

/** In a thread of a pool: from now on, the thread serves this client. If the thread dies, the client is closed. */
export function own(client: Socket): Socket {
  if (isMainThread) return client;
  const { state }: Task = workerData;
  Atomics.store(state, FD, client.fd);
  return new Client(client.fd, state);
}

/** Starts the keeper. The process ends with the last of the other threads: the keeper does not hold it. */
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
  // One thread at a time: checkRoom() for the next one has to see what this one takes.
  waitOn(state, STATE, STARTING, PATIENCE);
  const how = Atomics.compareExchange(state, STATE, STARTING, GIVEN_UP);
  if (how === STARTING) throw new Error(`the thread has not started within ${PATIENCE} ms`);
  if (how === FAILED) throw new Error('the thread could not start');
}

// In a thread, the step loads this module, and has finished loading one turn of the event loop later.
if (!isMainThread && workerData.keeps) setImmediate(async () => keep(await import(workerData.keeps)));
else if (!isMainThread) setImmediate(perform, workerData as Task);

async function perform({ program, name, args, client, dead, state }: Task): Promise<void> {
  step = await import(program);
  if (Atomics.compareExchange(state, STATE, STARTING, RUNNING) === GIVEN_UP) return;
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
    if (!client) throw error; // The keeper starts another thread.
    // The error ends this thread and its client. The other threads go on.
    log(`thread ${threadId} failed: ${error}`);
    socket?.close();
  }
  Atomics.store(state, STATE, ENDED);
}

/**
 * The client of a thread. If the thread dies, the keeper closes it, unless close() was called: then the kernel may have given
 * the descriptor to a new connection.
 */
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
