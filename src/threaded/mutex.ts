import { threadId } from 'node:worker_threads';
import { waitOn } from '../parallel/wait-on.ts';

/** What stands in the mutex while this thread holds it. (The main thread is 0, which stands there while it is free.) */
const ME = threadId + 1;

/**
 * A lock for one thread at a time. Its number in shared memory says which thread holds it: so the mutex of a thread that has
 * died can be taken from it. The first number is 0.
 */
export class Mutex {
  readonly #memory: Int32Array<SharedArrayBuffer>;
  readonly #at: number;

  /** The mutex that is element `at` of this memory. */
  constructor(memory: Int32Array<SharedArrayBuffer>, at: number) {
    this.#memory = memory;
    this.#at = at;
  }

  /** Waits while another thread holds it. @param dead the number of a thread that has died: it is not waited for */
  acquire(dead?: number): void {
    while (true) {
      const owner = Atomics.load(this.#memory, this.#at);
      const isFree = owner === 0 || (dead !== undefined && owner === dead + 1);
      if (!isFree) waitOn(this.#memory, this.#at, owner);
      else if (Atomics.compareExchange(this.#memory, this.#at, owner, ME) === owner) return;
    }
  }

  release(): void {
    Atomics.store(this.#memory, this.#at, 0);
    Atomics.notify(this.#memory, this.#at, 1);
  }
}
