// Groups of tasks: a call that returns when all tasks that it has spawned have ended.

import type { Coroutine } from './generator-loop.ts';
import { logFailure } from './loop.ts';
import { currentTask, type Task, type TaskLoop } from './task.ts';

/**
 * Runs `body(group)` and the tasks that it spawns in the group, and returns when all of them have ended. When a task fails, this
 * cancels the others, and throws the error. When the caller is cancelled, or exceeds a time limit, this cancels all tasks.
 */
export function* withGroup(body: (group: Group) => Coroutine): Coroutine {
  const group = new Group(currentTask().loop);
  group.spawn(body(group));
  yield* group.join();
}

/** Tasks that end together. {@link withGroup} makes a group, and waits for its tasks. */
export class Group {
  readonly #loop: TaskLoop;
  readonly #tasks = new Set<Task>();
  #isCancelled = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(loop: TaskLoop) {
    this.#loop = loop;
  }

  /** Spawns a task in the group. If the group was cancelled before, the task is cancelled at once. */
  spawn<Result>(coroutine: Coroutine<Result>): Task<Result> {
    const task = this.#loop.spawn(coroutine);
    this.#tasks.add(task);
    task.whenEnded(() => this.#ended(task));
    if (this.#isCancelled) task.cancel();
    return task;
  }

  /** Cancels all tasks of the group. */
  cancel(): void {
    this.#isCancelled = true;
    for (const task of this.#tasks) task.cancel();
  }

  /** Waits until all tasks have ended. @throws the first error of a task. Later errors are logged */
  *join(): Coroutine {
    let interruption: { readonly error: unknown } | undefined;
    for (let [task] = this.#tasks; task; [task] = this.#tasks) {
      try {
        yield ['join', task];
      } catch (error) {
        interruption = { error }; // Cancelled: this throws it when all tasks have ended.
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
