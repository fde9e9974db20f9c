// The loop under the coroutines: it waits in one place for all that they wait for, and wakes those that can go on.

import { type Key, type Mechanism, READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Socket } from '../sockets/socket.ts';
import { publishWait, waits } from '../sockets/waits.ts';

/** What a coroutine can wait for: a socket that can be read, or written, without blocking; or a number of milliseconds. */
export type Wait = ['read' | 'write', Socket] | ['sleep', number];

type Wake = () => void;
type Waiters = { read?: Wake | undefined; write?: Wake | undefined };

export class Loop {
  readonly #selector: Selector<Waiters>;
  readonly #keys = new Map<Socket, Key<Waiters>>();
  readonly #sleepers: { time: number; wake: Wake }[] = []; // in the order of their times

  constructor(mechanism?: Mechanism) {
    this.#selector = new Selector(mechanism);
  }

  /** How many sockets are registered: coroutines wait for them, or did a moment ago. */
  get sockets(): number {
    return this.#keys.size;
  }

  /**
   * Calls `wake` once, when the wait is over.
   *
   * @param generator the one that waits, if it is one: a trace looks where it is suspended
   * @throws Error if a coroutine waits for the same, or the socket is closed
   */
  wait(wait: Wait, wake: Wake, generator?: object): void {
    if (waits.start.hasSubscribers) this.#publish(wait, wake, generator);
    else this.#wait(wait, wake);
  }

  /** Waits, and has a trace see it. */
  #publish(wait: Wait, wake: Wake, generator?: object): void {
    let publishEnd = (): void => {};
    this.#wait(wait, () => {
      publishEnd();
      wake();
    });
    publishEnd = publishWait(wait[0], wait[0] === 'sleep' ? undefined : wait[1].fd, generator);
  }

  #wait([what, subject]: Wait, wake: Wake): void {
    if (what === 'sleep') {
      const time = performance.now() + subject;
      const last = this.#sleepers.findLastIndex((sleeper) => sleeper.time <= time);
      this.#sleepers.splice(last + 1, 0, { time, wake });
      return;
    }
    const interest = what === 'read' ? READ : WRITE;
    const key = this.#keys.get(subject);
    if (key?.data[what]) throw new Error(`Cannot wait for a socket to ${what}: a coroutine does already`);
    if (!key) {
      this.#keys.set(subject, this.#selector.register(subject, interest, { [what]: wake }));
      return;
    }
    key.data[what] = wake;
    this.#selector.modify(key, key.interest | interest);
  }

  /** Closes a socket. A coroutine that waits for it is woken, and finds it closed. */
  close(socket: Socket): void {
    const key = this.#keys.get(socket);
    if (key) this.#forget(key);
    socket.close();
    for (const wake of [key?.data.read, key?.data.write]) wake?.();
  }

  /** Waits, at most so many milliseconds, until coroutines can go on, and wakes them. */
  tick(most = Number.POSITIVE_INFINITY): void {
    const first = this.#sleepers[0]?.time ?? Number.POSITIVE_INFINITY;
    for (const key of this.#selector.select(Math.min(most, Math.max(0, first - performance.now())))) {
      if (key.ready & READ) this.#wake(key, 'read', READ);
      if (key.ready & WRITE) this.#wake(key, 'write', WRITE); // ready is 0 if the socket was closed meanwhile
    }
    if (performance.now() < first) return;
    const asleep = this.#sleepers.findIndex(({ time }) => time > performance.now());
    for (const { wake } of this.#sleepers.splice(0, asleep < 0 ? this.#sleepers.length : asleep)) wake();
  }

  #wake(key: Key<Waiters>, what: 'read' | 'write', event: number): void {
    const wake = key.data[what];
    key.data[what] = undefined;
    if (wake) wake();
    // The interest stays, since most coroutines wait for the same again at once. If none does, it is taken back.
    else if (key.interest === event) this.#forget(key);
    else this.#selector.modify(key, key.interest & ~event);
  }

  #forget(key: Key<Waiters>): void {
    this.#keys.delete(key.socket);
    this.#selector.unregister(key);
  }
}
