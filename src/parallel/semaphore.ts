import { waitOn } from './wait-on.ts';

/**
 * A number that threads share: `release()` adds one, `acquire()` subtracts one, and sleeps while the number is 0. A semaphore
 * that begins with 1 is a mutex; with one that begins with 0, a thread waits for another.
 *
 * It is one Int32 of shared memory. A thread that finds 0 goes to sleep only if the number is still 0, so it misses no
 * `release()` in between.
 */
export class Semaphore {
  readonly #memory: Int32Array<SharedArrayBuffer>;
  readonly #at: number;

  /** The semaphore that is element `at` of this memory. Set the number there first. */
  constructor(memory: Int32Array<SharedArrayBuffer>, at: number) {
    this.#memory = memory;
    this.#at = at;
  }

  acquire(): void {
    while (true) {
      const count = Atomics.load(this.#memory, this.#at);
      if (count === 0) waitOn(this.#memory, this.#at, 0);
      // After it wakes, a thread may find 0 again, because another thread was quicker. Then it sleeps again.
      else if (Atomics.compareExchange(this.#memory, this.#at, count, count - 1) === count) return;
    }
  }

  release(): void {
    Atomics.add(this.#memory, this.#at, 1);
    Atomics.notify(this.#memory, this.#at, 1);
  }
}
