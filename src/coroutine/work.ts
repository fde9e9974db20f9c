// Threads compute, and a coroutine waits for the result as it waits for a client.

import { availableParallelism } from 'node:os';
import { deserialize, serialize } from 'node:v8';
import { BlockingQueue } from '../parallel/queue.ts';
import { allowInThreads, callOfStep, own, startDaemon } from '../parallel/thread.ts';
import { Socket } from '../sockets/socket.ts';
import type { Coroutine, GeneratorLoop } from './generator-loop.ts';
import { GeneratorSocket } from './generator-socket.ts';

/** A job in the queue is one number: the descriptor of the thread's socket. */
const WIDTH = 1;
/** The most jobs in the queue. The next one fails: push() would block until there is a space, and the loop with it. */
const CAPACITY = 256;

type Job = { name: string; args: unknown[] };
type Outcome = { result: unknown } | { error: unknown };

/** A pool of threads that compute for coroutines. A thread starts when there is a job for it, and stays. */
export class Workers {
  readonly #loop: GeneratorLoop;
  readonly #most: number;
  readonly #queue = BlockingQueue.create(CAPACITY, WIDTH);
  #threads = 0;

  /** @param most how many threads there may be; by default, as many as cores */
  constructor(loop: GeneratorLoop, most = availableParallelism()) {
    this.#loop = loop;
    this.#most = most;
  }

  /** How many threads have been started. */
  get threads(): number {
    return this.#threads;
  }

  /**
   * Has a thread call a function, and returns the result, or throws the error: `yield* workers.work(answerFib, '32')`. The
   * coroutine waits, and the loop goes on.
   *
   * @param run a function that the step exports: the thread finds it by its name
   * @param args values that can be cloned, as the result: no functions, no sockets
   * @throws Error if no thread can be started, too many jobs wait, or the thread dies, for want of memory for example
   */
  *work<Args extends unknown[], Result>(run: (...args: Args) => Result, ...args: Args): Coroutine<Result> {
    const job: Job = { name: run.name, args };
    const bytes = serialize(job);
    const [near, far] = Socket.pair();
    const socket = new GeneratorSocket(this.#loop, near);
    try {
      this.#handOver(far);
      yield* socket.sendAll([bytes]);
      near.shutdown('write');
      const answer = yield* receiveAll(socket);
      if (answer.length === 0) throw new Error(`Cannot compute ${run.name}: its thread has died`);
      const outcome: Outcome = deserialize(answer);
      if ('error' in outcome) throw outcome.error;
      return outcome.result as Result;
    } finally {
      socket.close();
    }
  }

  /** Queues one end of a pair. The thread that takes it closes it. */
  #handOver(far: Socket): void {
    try {
      if (this.#queue.balance >= CAPACITY) throw new Error(`Cannot compute: ${CAPACITY} jobs wait already`);
      const noThreadIsFree = this.#queue.balance >= 0;
      if (noThreadIsFree && this.#threads < this.#most) this.#startThread();
      this.#queue.push([far.fd]);
    } catch (error) {
      far.close();
      throw error;
    }
  }

  #startThread(): void {
    try {
      startDaemon(takeJobs, this.#queue.memory);
      this.#threads++;
    } catch (error) {
      if (this.#threads === 0) throw error; // Otherwise the job waits for one of the threads that run.
    }
  }
}

function* receiveAll(socket: GeneratorSocket): Coroutine<Buffer> {
  const pieces: Buffer[] = [];
  while (true) {
    const bytes = yield* socket.recv();
    if (bytes.length === 0) return Buffer.concat(pieces);
    pieces.push(bytes);
  }
}

/** What a thread does. Its calls block, as those of pool4 do. */
function takeJobs(memory: SharedArrayBuffer): void {
  const queue = new BlockingQueue(memory, WIDTH);
  while (true) {
    const [fd = -1] = queue.pop();
    const far = own(new Socket(fd));
    try {
      const pieces: Buffer[] = [];
      for (let bytes = far.recv(4096); bytes.length > 0; bytes = far.recv(4096)) pieces.push(bytes);
      far.sendAll(perform(Buffer.concat(pieces))); // This wakes the loop: the other end is ready.
    } catch {
      // The coroutine has closed its end: it no longer waits for the result.
    }
    far.close();
  }
}
allowInThreads(takeJobs);

function perform(bytes: Buffer): Buffer {
  const { name, args }: Job = deserialize(bytes);
  try {
    return serialize({ result: callOfStep(name, args) });
  } catch (error) {
    return serialize({ error: error instanceof Error ? error : new Error(`${error}`) });
  }
}
