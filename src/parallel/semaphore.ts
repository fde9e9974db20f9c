import { waitOn } from './wait-on.ts';

/**
 * A number that threads share: `release()` adds one, `acquire()` takes one, and waits while there is none. With 1 to
 * begin with it is a mutex, with 0 a way to wait for another thread.
 *
 * It is one Int32 of shared memory. A thread that finds 0 there sleeps, unless the number has changed since: so it never
 * misses a `release()` in between.
 */
export class Semaphore {
  readonly #memory: Int32Array<SharedArrayBuffer>;
  readonly #at: number;

  /** The semaphore that is element `at` of this memory. The first number is already there. */
  constructor(memory: Int32Array<SharedArrayBuffer>, at: number) {
    this.#memory = memory;
    this.#at = at;
  }

  acquire(): void {
    while (true) {
      const count = Atomics.load(this.#memory, this.#at);
      if (count === 0) waitOn(this.#memory, this.#at, 0);
      // A thread that is woken may find 0 again, because another was quicker: then it sleeps again.
      else if (Atomics.compareExchange(this.#memory, this.#at, count, count - 1) === count) return;
    }
  }

  release(): void {
    Atomics.add(this.#memory, this.#at, 1);
    Atomics.notify(this.#memory, this.#at, 1);
  }
}
