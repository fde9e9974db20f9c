// Generators on the loop: what a coroutine yields is what it waits for, and to wake it is to call next().

import { log } from '../cli/log.ts';
import { Loop, type Wait } from './loop.ts';

/** A generator that yields what it waits for: `['read', socket]`, `['write', socket]` or `['sleep', milliseconds]`. */
export type Coroutine<Result = void> = Generator<Wait, Result, void>;

export class GeneratorLoop extends Loop {
  /** How many coroutines have begun, and not ended. */
  tasks = 0;

  /** Runs a coroutine up to the first thing that it waits for, and on from there whenever that has come. */
  spawn(coroutine: Coroutine): void {
    const run = (): void => {
      try {
        let step = coroutine.next();
        while (!step.done) {
          try {
            this.wait(step.value, run);
            return;
          } catch (error) {
            step = coroutine.throw(error); // It has asked for what cannot be waited for: that is where to say so.
          }
        }
      } catch (error) {
        log(`a coroutine has failed: ${error instanceof Error ? error.stack : error}`);
      }
      this.tasks--;
    };
    this.tasks++;
    run();
  }

  /** Until all coroutines have ended. */
  run(): void {
    while (this.tasks > 0) this.tick();
  }
}
