// Generators on the loop: a coroutine yields what it waits for, and to wake it is to call next().

import { Loop, logFailure, type Wait } from './loop.ts';

/** A generator that yields what it waits for: `['read', socket]`, `['write', socket]` or `['sleep', milliseconds]`. */
export type Coroutine<Result = void> = Generator<Wait, Result, void>;

export class GeneratorLoop extends Loop {
  /** How many coroutines have begun, and not ended. */
  tasks = 0;

  /** Runs a coroutine to its first yield, and from one to the next whenever a wait is over. */
  spawn(coroutine: Coroutine): void {
    const run = (): void => {
      try {
        let step = coroutine.next();
        while (!step.done) {
          try {
            this.wait(step.value, run, coroutine);
            return;
          } catch (error) {
            step = coroutine.throw(error); // It asked for an impossible wait: it gets the error there.
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

  /** Until all coroutines have ended. */
  run(): void {
    while (this.tasks > 0) this.tick();
  }
}
