import { threadId } from 'node:worker_threads';
import { waitOn } from '../parallel/wait-on.ts';

/** The mutex's number while this thread holds it. (0 means free, and is the main thread's id: hence the 1.) */
const ME = threadId + 1;

/**
 * A lock for one thread at a time. Its number in shared memory says which thread holds it, so another thread can take it
 * over when that one dies. It begins with 0, which means free.
 */
export class Mutex {
  readonly #memory: Int32Array<SharedArrayBuffer>;
  readonly #at: number;

  /** The mutex that is element `at` of this memory. */
  constructor(memory: Int32Array<SharedArrayBuffer>, at: number) {
    this.#memory = memory;
    this.#at = at;
  }

  /** Sleeps while another thread holds the mutex. @param dead the id of a thread that has died: takes the mutex over from it */
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
