// Async functions on the loop: each await is for a promise of the loop, and to wake the function is to resolve it.

import { log } from '../cli/log.ts';
import type { Socket } from '../sockets/socket.ts';
import { Loop } from './loop.ts';

/**
 * How long this loop may sleep before Node's own loop runs, in milliseconds. Only one of the two can wait in the kernel, so
 * this is how late a timer or a signal of Node's may be.
 */
const NAP = 10;

export class AsyncLoop extends Loop {
  /** How many async functions have begun, and not ended. */
  tasks = 0;

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
    return new Promise((resolve) => this.wait(['sleep', milliseconds], resolve));
  }

  /** Takes on an async function that has begun. No `await` waits for it, so the loop logs its error if it fails. */
  spawn(task: Promise<void>): void {
    this.tasks++;
    task
      .catch((error) => log(`a coroutine has failed: ${error instanceof Error ? error.stack : error}`))
      .finally(() => this.tasks--);
  }

  /** Until all have ended. Functions that were woken run as soon as this one suspends, and Node's own loop after that. */
  async run(): Promise<void> {
    while (this.tasks > 0) {
      this.tick(NAP);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
