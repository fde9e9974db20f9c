// Async functions on the loop: each await is for a promise of the loop, and to wake the function is to resolve it.

import { Guest } from '../sockets/guest.ts';
import type { Socket } from '../sockets/socket.ts';
import { Loop, logFailure } from './loop.ts';

export class AsyncLoop extends Loop {
  /** How many async functions have begun, and not ended. */
  tasks = 0;
  #guest: Guest | undefined;
  #allEnded = () => {};

  /** Until there is something to read, or the stream has ended. */
  readable(socket: Socket): Promise<void> {
    return new Promise((resolve) => this.wait(['read', socket], resolve));
  }

  /** Until there is room to write. */
  writable(socket: Socket): Promise<void> {
    return new Promise((resolve) => this.wait(['write', socket], resolve));
  }

  /** For so many milliseconds. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.wait(['sleep', milliseconds], resolve);
      this.#guest?.at(this.due);
    });
  }

  /** Takes on an async function that has begun. No `await` waits for it, so the loop logs its error if it fails. */
  spawn(task: Promise<void>): void {
    this.tasks++;
    task.catch(logFailure).finally(() => {
      if (--this.tasks === 0) this.#allEnded();
    });
  }

  /** Until all have ended. Its ticks are turns in Node's own loop: functions that a tick has woken run when it is over. */
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
  }
}
