// Tasks: coroutines that other coroutines wait for, cancel, and limit in time.

import { Guest } from '../sockets/guest.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';
import { logFailure, type Wait } from './loop.ts';

/** {@link Task.cancel} throws it into the coroutine. Clean up in `finally`, and let this error pass. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/** {@link withTimeout} throws it when the time is over. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

/** A loop whose coroutines are tasks. */
export class TaskLoop extends GeneratorLoop {
  #guest: Guest | undefined;

  override spawn<Result>(coroutine: Coroutine<Result>): Task<Result> {
    return new Task(this, coroutine);
  }

  /** Runs until all tasks have ended, in turns of Node's own loop: so signal handlers run, and can cancel tasks. */
  runInNode(): Promise<void> {
    return new Promise((resolve) => {
      const guest = new Guest(this.selector, (most) => {
        this.tick(most);
        guest.at(this.due);
        if (this.tasks > 0) return;
        guest.stop();
        this.#guest = undefined;
        this.end();
        resolve();
      });
      this.#guest = guest;
    });
  }

  override after(milliseconds: number, call: () => void): () => void {
    const cancel = super.after(milliseconds, call);
    this.#guest?.at(this.due); // Node calls a signal handler, which may cancel a task, between two turns.
    return cancel;
  }
}

let current: Task | undefined;

/** The task that runs at this moment. @throws Error if no task runs */
export function currentTask(): Task {
  if (!current)
    throw new Error('Cannot find the task: only coroutines that a TaskLoop has spawned are tasks');
  return current;
}

/** A time limit: its error, if it was exceeded, and a function that stops its timer. */
type Limit = { error?: Cancelled; readonly stop: () => void };

/** A coroutine that a loop has spawned, and that has run to its first wait. */
export class Task<Result = unknown> {
  readonly loop: TaskLoop;
  readonly #coroutine: Coroutine<Result>;
  readonly #next = (): void => this.#run(() => this.#coroutine.next());
  #cancelWait = (): void => {};
  #outcome: { readonly result: Result } | { readonly error: unknown } | undefined;
  #isTold = false; // whether a coroutine has received the outcome
  readonly #wakers = new Set<() => void>();
  #cancelled: Cancelled | undefined;
  /** Functions that stop timers: the timer of cancel(), and the timer of each limit, the innermost last. */
  #stopCancel = (): void => {};
  readonly #stopLimits: (() => void)[] = [];

  constructor(loop: TaskLoop, coroutine: Coroutine<Result>) {
    this.loop = loop;
    this.#coroutine = coroutine;
    loop.tasks++;
    this.#next();
  }

  /** Waits until the task has ended. @returns its result @throws its error: Cancelled, if it was cancelled */
  *join(): Coroutine<Result> {
    if (!this.#outcome) yield ['join', this];
    return this.result();
  }

  /**
   * In the next turn of the loop, throws {@link Cancelled} into the coroutine, where it waits then. So each `finally` on the way
   * runs, and may wait. To cancel a task twice, or after its end, does nothing.
   */
  cancel(): void {
    if (this.#cancelled || this.#outcome) return;
    const error = new Cancelled();
    this.#cancelled = error;
    this.#stopCancel = this.loop.after(0, () => this.#throw(error, 0));
  }

  /** What {@link join} returns. @throws the error of the task, or Error if the task has not ended */
  result(): Result {
    if (!this.#outcome) throw new Error('Cannot have the result of a task before it has ended');
    this.#isTold = true;
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.result;
  }

  /** Whether {@link cancel} has ended the task. */
  get isCancelled(): boolean {
    return this.#outcome !== undefined && 'error' in this.#outcome && this.#outcome.error === this.#cancelled;
  }

  /** Calls `wake` when the task has ended. Returns a function that prevents it. */
  whenEnded(wake: () => void): () => void {
    if (this.#outcome) {
      this.#isTold = true; // in a moment
      return this.loop.after(0, wake);
    }
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }

  /**
   * Throws {@link Cancelled} into the coroutine after so many milliseconds, unless you stop it. At that moment, the limits within
   * this one stop, so that none of them interrupts a `finally`. A limit that a `finally` sets itself still counts.
   */
  limit(milliseconds: number): Limit {
    const depth = this.#stopLimits.length;
    const limit: Limit = { stop: () => this.#stopFrom(depth) };
    const exceed = (): void => {
      limit.error = new Cancelled();
      this.#throw(limit.error, depth);
    };
    this.#stopLimits.push(this.loop.after(milliseconds, exceed));
    return limit;
  }

  #throw(error: Cancelled, depth: number): void {
    this.#stopFrom(depth);
    this.#cancelWait();
    this.#run(() => this.#coroutine.throw(error));
  }

  #stopFrom(depth: number): void {
    for (const stop of this.#stopLimits.splice(depth)) stop();
  }

  /** Runs the coroutine from one wait to the next, as generator-loop.ts does. */
  #run(resume: () => IteratorResult<Wait, Result>): void {
    const interrupted = current;
    current = this;
    try {
      let step = resume();
      while (!step.done) {
        try {
          this.#cancelWait = this.loop.wait(step.value, this.#next, this.#coroutine);
          return;
        } catch (error) {
          step = this.#coroutine.throw(error);
        }
      }
      this.#outcome = { result: step.value };
    } catch (error) {
      this.#outcome = { error };
    } finally {
      current = interrupted;
    }
    this.#end();
  }

  #end(): void {
    this.loop.tasks--;
    this.#stopCancel();
    for (const wake of this.#wakers) wake();
    if (this.#outcome && 'error' in this.#outcome && !this.isCancelled)
      this.loop.spawn(this.#report(this.#outcome.error));
  }

  *#report(error: unknown): Coroutine {
    if (!this.#isTold) yield ['sleep', 0]; // The coroutine that spawned it may call join() in this turn.
    if (!this.#isTold) logFailure(error);
  }
}

/**
 * Runs a coroutine for at most so many milliseconds. After that, this throws `Cancelled` where the coroutine waits, and
 * {@link TimedOut} to the caller. Where calls are nested, the call whose time is over throws `TimedOut`, and the calls within
 * it throw `Cancelled`.
 */
export function* withTimeout<Result>(milliseconds: number, coroutine: Coroutine<Result>): Coroutine<Result> {
  const limit = currentTask().limit(milliseconds);
  try {
    return yield* coroutine;
  } catch (error) {
    throw limit.error && error === limit.error ? new TimedOut(`Not done in ${milliseconds} ms`) : error;
  } finally {
    limit.stop();
  }
}
