import { Semaphore } from './semaphore.ts';

// Where things are in the shared memory, before the items themselves.
const ITEMS = 0;
const SPACES = 1;
const MUTEX = 2;
const HEAD = 3;
const TAIL = 4;
const BALANCE = 5;
const FIRST = 6;

/**
 * A queue between threads: first in, first out. pop() waits while it is empty, and push() waits while it is
 * full. The bounded buffer of Dijkstra: one semaphore counts items, one spaces, a third is the mutex.
 *
 * @see https://en.wikipedia.org/wiki/Producer–consumer_problem
 */
export class BlockingQueue {
  /** Hand this to another thread, to make a BlockingQueue of it there: it is the same queue. */
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array<SharedArrayBuffer>;
  readonly #width: number;
  readonly #capacity: number;
  readonly #items: Semaphore;
  readonly #spaces: Semaphore;
  readonly #mutex: Semaphore;

  /** @param width of how many numbers, of 32 bits each, an item consists */
  constructor(memory: SharedArrayBuffer, width: number) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory);
    this.#width = width;
    this.#capacity = (this.#numbers.length - FIRST) / width;
    this.#items = new Semaphore(this.#numbers, ITEMS);
    this.#spaces = new Semaphore(this.#numbers, SPACES);
    this.#mutex = new Semaphore(this.#numbers, MUTEX);
  }

  /** A new queue, with room for that many items. */
  static create(capacity: number, width: number): BlockingQueue {
    const memory = new SharedArrayBuffer((FIRST + capacity * width) * Int32Array.BYTES_PER_ELEMENT);
    const numbers = new Int32Array(memory);
    numbers[SPACES] = capacity;
    numbers[MUTEX] = 1;
    return new BlockingQueue(memory, width);
  }

  /** How many more items were pushed than asked for; below zero, how many threads wait for one. */
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

  /** Where the head or the tail is; it moves on, round the ring. Only with the mutex. */
  #next(end: typeof HEAD | typeof TAIL): number {
    const slot = this.#numbers[end] ?? 0;
    this.#numbers[end] = (slot + 1) % this.#capacity;
    return FIRST + slot * this.#width;
  }
}
