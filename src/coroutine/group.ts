// Groups of tasks: a call that returns when all tasks that it has spawned have ended.

import type { Coroutine } from './generator-loop.ts';
import { logFailure } from './loop.ts';
import { currentTask, type Task, type TaskLoop } from './task.ts';

/**
 * Runs `body(group)` and the tasks that it spawns in the group, and returns when all of them have ended. When one fails, this
 * cancels the others, and throws its error. When the caller is cancelled, or its time is over, so are all tasks.
 */
export function* withGroup(body: (group: Group) => Coroutine): Coroutine {
  const group = new Group(currentTask().loop);
  group.spawn(body(group));
  yield* group.join();
}

/** Tasks that end together. {@link withGroup} makes one, and waits for it. */
export class Group {
  readonly #loop: TaskLoop;
  readonly #tasks = new Set<Task>();
  #isCancelled = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(loop: TaskLoop) {
    this.#loop = loop;
  }

  /** Spawns a task in the group. If the group has been cancelled, so is the task. */
  spawn<Result>(coroutine: Coroutine<Result>): Task<Result> {
    const task = this.#loop.spawn(coroutine);
    this.#tasks.add(task);
    task.whenEnded(() => this.#ended(task));
    if (this.#isCancelled) task.cancel();
    return task;
  }

  /** Cancels all tasks in it. */
  cancel(): void {
    this.#isCancelled = true;
    for (const task of this.#tasks) task.cancel();
  }

  /** Waits until all have ended. @throws the error of the first that has failed; any other error is logged */
  *join(): Coroutine {
    let interruption: { readonly error: unknown } | undefined;
    for (let [task] = this.#tasks; task; [task] = this.#tasks) {
      try {
        yield ['join', task];
      } catch (error) {
        interruption = { error }; // Cancelled: thrown when all have ended.
        this.cancel();
      }
    }
    if (interruption && this.#failure) logFailure(this.#failure.error);
    const failure = interruption ?? this.#failure;
    if (failure) throw failure.error;
  }

  #ended(task: Task): void {
    this.#tasks.delete(task);
    try {
      task.result();
    } catch (error) {
      if (task.isCancelled) return;
      if (this.#isCancelled) logFailure(error);
      else this.#failure = { error };
      this.cancel();
    }
  }
}
