// The loop under the coroutines. One call waits for all that the coroutines wait for. Then the loop wakes the coroutines that
// can go on.

import { log } from '../cli/log.ts';
import { Deadlines } from '../sockets/deadlines.ts';
import { type Key, type Mechanism, READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Socket } from '../sockets/socket.ts';
import { publishWait, waits } from '../sockets/waits.ts';

/**
 * What a coroutine can wait for: a socket that can be read, or written, without blocking; a number of milliseconds; or the end
 * of a task.
 */
export type Wait = ['read' | 'write', Socket] | ['sleep', number] | ['join', Joinable];

/** A task. `whenEnded()` returns a function that cancels the wait. */
type Joinable = { whenEnded(wake: () => void): () => void };

type Waiter = { readonly wake: () => void };
type Waiters = { read?: Waiter | undefined; write?: Waiter | undefined };

const events = { read: READ, write: WRITE };

export class Loop {
  readonly #mechanism: Mechanism | undefined;
  #selector: Selector<Waiters> | undefined;
  readonly #keys = new Map<Socket, Key<Waiters>>();
  readonly #sleepers = new Deadlines();

  constructor(mechanism?: Mechanism) {
    this.#mechanism = mechanism;
  }

  /** Opened when it is first needed. A thread that loads the step anew, to compute, needs none. */
  protected get selector(): Selector<Waiters> {
    this.#selector ??= new Selector(this.#mechanism);
    return this.#selector;
  }

  /** The loop ends: closes the selector, unless sockets are registered. The next wait opens another. */
  protected end(): void {
    if (this.#keys.size > 0) return;
    this.#selector?.close();
    this.#selector = undefined;
  }

  /** How many sockets are registered. Coroutines wait for them, or have just waited. */
  get sockets(): number {
    return this.#keys.size;
  }

  /** When the first sleep ends, on the clock of `performance.now()`. Infinity if no coroutine sleeps. */
  get due(): number {
    return this.#sleepers.first;
  }

  /**
   * Waits, and then calls `wake`, once.
   *
   * @param generator the coroutine, if it is a generator: a trace shows where it is suspended
   * @returns a function that cancels the wait. After the wait, the function does nothing
   * @throws Error if another coroutine waits for the same, or the socket is closed
   */
  wait(wait: Wait, wake: () => void, generator?: object): () => void {
    return waits.start.hasSubscribers ? this.#publish(wait, wake, generator) : this.#wait(wait, wake);
  }

  /** Waits, and records that in a trace. */
  #publish(wait: Wait, wake: () => void, generator?: object): () => void {
    let publishEnd = (): void => {};
    const cancel = this.#wait(wait, () => {
      publishEnd();
      wake();
    });
    const socket = wait[0] === 'read' || wait[0] === 'write' ? wait[1] : undefined;
    publishEnd = publishWait(wait[0], socket?.fd, generator);
    return () => {
      cancel();
      publishEnd();
    };
  }

  #wait([what, subject]: Wait, wake: () => void): () => void {
    if (what === 'sleep') return this.after(subject, wake);
    if (what === 'join') return subject.whenEnded(wake);
    const waiter = { wake };
    const key = this.#keys.get(subject);
    if (key?.data[what]) throw new Error(`Cannot wait for a socket to ${what}: a coroutine does already`);
    if (key) {
      this.selector.modify(key, key.interest | events[what]);
      key.data[what] = waiter;
    } else this.#keys.set(subject, this.selector.register(subject, events[what], { [what]: waiter }));
    return () => {
      const key = this.#keys.get(subject);
      if (key?.data[what] !== waiter) return;
      key.data[what] = undefined;
      this.#keep(key, (key.data.read ? READ : 0) | (key.data.write ? WRITE : 0));
    };
  }

  /** Calls a function after so many milliseconds. Returns a function that prevents it. */
  after(milliseconds: number, call: () => void): () => void {
    return this.#sleepers.add(performance.now() + milliseconds, call);
  }

  /** Closes a socket, and wakes the coroutines that wait for it. They find it closed. */
  close(socket: Socket): void {
    const key = this.#keys.get(socket);
    if (key) this.#forget(key);
    socket.close();
    for (const waiter of [key?.data.read, key?.data.write]) waiter?.wake();
  }

  /** Waits, at most so many milliseconds, until coroutines can go on, and wakes them. */
  tick(most = Number.POSITIVE_INFINITY): void {
    const { due } = this;
    for (const key of this.selector.select(Math.min(most, Math.max(0, due - performance.now())))) {
      if (key.ready & READ) this.#wake(key, 'read');
      if (key.ready & WRITE) this.#wake(key, 'write'); // ready is 0 if the socket was closed meanwhile
    }
    if (performance.now() >= due) this.#sleepers.callUntil(performance.now());
  }

  #wake(key: Key<Waiters>, what: 'read' | 'write'): void {
    const waiter = key.data[what];
    key.data[what] = undefined;
    // The interest stays, because most coroutines wait for the same again at once. If none does, the next wake removes it.
    if (waiter) waiter.wake();
    else this.#keep(key, key.interest & ~events[what]);
  }

  #keep(key: Key<Waiters>, interest: number): void {
    if (interest === 0) this.#forget(key);
    else this.selector.modify(key, interest);
  }

  #forget(key: Key<Waiters>): void {
    this.#keys.delete(key.socket);
    this.selector.unregister(key);
  }
}

/** Logs the error of a coroutine that no other coroutine awaits. */
export function logFailure(error: unknown): void {
  log(`a coroutine has failed: ${error instanceof Error ? error.stack : error}`);
}
