import { Semaphore } from './semaphore.ts';

// Indexes in the shared memory, before the items.
const ITEMS = 0;
const SPACES = 1;
const MUTEX = 2;
const HEAD = 3;
const TAIL = 4;
const BALANCE = 5;
const FIRST = 6;

/**
 * A queue between threads: first in, first out. pop() sleeps while the queue is empty, push() while it is full. This is
 * Dijkstra's bounded buffer: one semaphore counts items, one counts spaces, a third is the mutex.
 *
 * @see https://en.wikipedia.org/wiki/Producer–consumer_problem
 */
export class BlockingQueue {
  /** Pass this to another thread: a BlockingQueue on it there is the same queue. */
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array<SharedArrayBuffer>;
  readonly #width: number;
  readonly #capacity: number;
  readonly #items: Semaphore;
  readonly #spaces: Semaphore;
  readonly #mutex: Semaphore;

  /** @param width how many numbers of 32 bits an item has */
  constructor(memory: SharedArrayBuffer, width: number) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory);
    this.#width = width;
    this.#capacity = (this.#numbers.length - FIRST) / width;
    this.#items = new Semaphore(this.#numbers, ITEMS);
    this.#spaces = new Semaphore(this.#numbers, SPACES);
    this.#mutex = new Semaphore(this.#numbers, MUTEX);
  }

  /** Creates a queue with room for `capacity` items. */
  static create(capacity: number, width: number): BlockingQueue {
    const memory = new SharedArrayBuffer((FIRST + capacity * width) * Int32Array.BYTES_PER_ELEMENT);
    const numbers = new Int32Array(memory);
    numbers[SPACES] = capacity;
    numbers[MUTEX] = 1;
    return new BlockingQueue(memory, width);
  }

  /** How many items wait for a thread; below zero, how many threads wait for an item. */
  get balance(): number {
    return Atomics.load(this.#numbers, BALANCE);
  }

  push(item: number[]): void {
    Atomics.add(this.#numbers, BALANCE, 1);
    this.#spaces.acquire();
    this.#mutex.acquire();
    this.#numbers.set(item, this.#next(TAIL));
    this.#mutex.release();
    this.#items.release();
  }

  pop(): number[] {
    Atomics.sub(this.#numbers, BALANCE, 1);
    this.#items.acquire();
    this.#mutex.acquire();
    const at = this.#next(HEAD);
    const item = [...this.#numbers.subarray(at, at + this.#width)];
    this.#mutex.release();
    this.#spaces.release();
    return item;
  }

  /** Returns the index of the head or the tail, and moves it on round the ring. Call it with the mutex held. */
  #next(end: typeof HEAD | typeof TAIL): number {
    const slot = this.#numbers[end] ?? 0;
    this.#numbers[end] = (slot + 1) % this.#capacity;
    return FIRST + slot * this.#width;
  }
}
