// Async functions on the loop: each awaits a promise of the loop, and the loop resolves it to wake the function.

import { Guest } from '../sockets/guest.ts';
import type { Socket } from '../sockets/socket.ts';
import { Loop, logFailure } from './loop.ts';

export class AsyncLoop extends Loop {
  /** How many async functions have begun, and not ended. */
  tasks = 0;
  #guest: Guest | undefined;
  #allEnded = () => {};

  /** Waits until there is something to read, or the stream has ended. */
  readable(socket: Socket): Promise<void> {
    return new Promise((resolve) => this.wait(['read', socket], resolve));
  }

  /** Waits until there is room to write. */
  writable(socket: Socket): Promise<void> {
    return new Promise((resolve) => this.wait(['write', socket], resolve));
  }

  /** Waits for so many milliseconds. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.wait(['sleep', milliseconds], resolve);
      this.#guest?.at(this.due);
    });
  }

  /** Counts an async function that has begun. No `await` waits for it, so the loop logs its error. */
  spawn(task: Promise<void>): void {
    this.tasks++;
    task.catch(logFailure).finally(() => {
      if (--this.tasks === 0) this.#allEnded();
    });
  }

  /** Runs until all async functions have ended. Each tick is a turn of Node's own loop. Functions that it wakes run after the tick. */
  async run(): Promise<void> {
    const guest = new Guest(this.selector, (most) => {
      this.tick(most);
      guest.at(this.due);
    });
    this.#guest = guest;
    while (this.tasks > 0) {
      await new Promise<void>((resolve) => {
        this.#allEnded = resolve;
      });
    }
    guest.stop();
    this.#guest = undefined;
    this.end();
  }
}
