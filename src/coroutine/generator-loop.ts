// Generators on the loop: a coroutine yields what it waits for, and the loop calls next() to wake it.

import { Loop, logFailure, type Wait } from './loop.ts';

/** A generator that yields what it waits for: `['read', socket]`, `['write', socket]` or `['sleep', milliseconds]`. */
export type Coroutine<Result = void> = Generator<Wait, Result, void>;

export class GeneratorLoop extends Loop {
  /** How many coroutines have begun, and not ended. */
  tasks = 0;

  /** Runs a coroutine to its first yield, and to the next yield whenever a wait is over. */
  spawn(coroutine: Coroutine): void {
    const run = (): void => {
      try {
        let step = coroutine.next();
        while (!step.done) {
          try {
            this.wait(step.value, run, coroutine);
            return;
          } catch (error) {
            step = coroutine.throw(error); // An impossible wait: the coroutine's yield throws the error.
          }
        }
      } catch (error) {
        logFailure(error);
      }
      this.tasks--;
    };
    this.tasks++;
    run();
  }

  /** Runs until all coroutines have ended. */
  run(): void {
    while (this.tasks > 0) this.tick();
    this.end();
  }
}
