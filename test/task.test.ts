// Tasks: coroutines that cancel each other, and leave nothing behind.

import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Coroutine } from '../src/coroutine/generator-loop.ts';
import { type Group, withGroup } from '../src/coroutine/group.ts';
import { currentTask, type Task, TaskLoop, TimedOut, withTimeout } from '../src/coroutine/task.ts';
import { Socket } from '../src/sockets/socket.ts';
import { onLinux, pair, runScript } from './harness.ts';

let loop: TaskLoop;
let seen: unknown[];
beforeEach(() => {
  loop = new TaskLoop();
  seen = [];
});
afterEach(() => expect([loop.tasks, loop.sockets, loop.due]).toEqual([0, 0, Number.POSITIVE_INFINITY]));

function* sleep(milliseconds: number): Coroutine {
  yield ['sleep', milliseconds];
}

/** Sleeps for ever, or so long, and notes when it ends. It may also sleep in `finally`. */
function* sleeper(name: string, milliseconds = 60_000, last = 0): Coroutine<string> {
  try {
    yield ['sleep', milliseconds];
    return name;
  } finally {
    if (last > 0) yield ['sleep', last];
    seen.push(`${name} ends`);
  }
}

function* fails(message: string, milliseconds = 0): Coroutine<never> {
  if (milliseconds > 0) yield ['sleep', milliseconds];
  throw new Error(message);
}

/** Notes what a coroutine returns or throws. */
function* outcome(coroutine: Coroutine<unknown>): Coroutine {
  try {
    seen.push(yield* coroutine);
  } catch (error) {
    seen.push(`${error}`);
  }
}

/** Runs a coroutine in a task, until all tasks have ended, and returns the notes. */
function run(coroutine: Coroutine<unknown>): unknown[] {
  loop.spawn(outcome(coroutine));
  loop.run();
  return seen;
}

describe('a task', () => {
  test('that is joined returns its result, or throws its error, to each joiner, before its end or after', () => {
    const task = loop.spawn(sleeper('one', 10));
    const failed = loop.spawn(fails('no', 10));
    for (const joined of [task, task, failed]) loop.spawn(outcome(joined.join()));
    loop.run();
    expect(seen.splice(0)).toEqual(['one ends', 'one', 'one', 'Error: no']);
    for (const joined of [task, failed]) run(joined.join());
    expect(seen).toEqual(['one', 'Error: no']);
    expect(() => loop.spawn(sleep(0)).result()).toThrow('before it has ended');
    loop.run();
  });

  test('that ends is waited for by `join` alone, too', () => {
    function* waits(task: Task): Coroutine {
      for (let i = 0; i < 3; i++) {
        yield ['join', task];
        seen.push(i);
      }
    }
    loop.spawn(waits(loop.spawn(sleep(10))));
    loop.run();
    expect(seen).toEqual([0, 1, 2]);
  });

  test('that is cancelled throws where it waits, and its finally runs, and may wait', () => {
    const [one, other] = pair();
    while (one.trySend(Buffer.alloc(100_000)) !== 'would-block');
    function* waits(what: 'read' | 'write'): Coroutine {
      try {
        yield [what, one];
      } finally {
        seen.push(`${what} ends`);
      }
    }
    const three: Coroutine<unknown>[] = [waits('read'), waits('write'), sleeper('sleep', 60_000, 10)];
    const waiting = three.map((coroutine) => loop.spawn(coroutine));
    const joining = loop.spawn(loop.spawn(sleeper('end', 30)).join());
    for (const task of [...waiting, joining]) task.cancel();
    loop.run();
    expect(seen.sort()).toEqual(['end ends', 'read ends', 'sleep ends', 'write ends']);
    expect([...waiting, joining].map(({ isCancelled }) => isCancelled)).toEqual([true, true, true, true]);
    for (const socket of [one, other]) loop.close(socket);
  });

  test('is cancelled once: not in the finally that runs because of it, and not after its end', () => {
    const task = loop.spawn(sleeper('one', 60_000, 20));
    function* canceller(): Coroutine {
      for (let i = 0; i < 4; i++) {
        task.cancel();
        yield ['sleep', 3];
      }
      yield* outcome(task.join());
      task.cancel();
    }
    loop.spawn(canceller());
    loop.run();
    expect(seen).toEqual(['one ends', 'Cancelled']);
    const done = loop.spawn(sleep(0));
    loop.run();
    done.cancel();
    expect(done.isCancelled).toBe(false);
  });

  test('can cancel itself at its next wait; without one, it ends as usual', () => {
    function* self(waits: boolean): Coroutine<string> {
      currentTask().cancel();
      seen.push('goes on');
      if (waits) yield ['sleep', 60_000];
      return 'ends';
    }
    for (const waits of [true, false]) loop.spawn(outcome(loop.spawn(self(waits)).join()));
    loop.run();
    expect(seen).toEqual(['goes on', 'goes on', 'ends', 'Cancelled']);
  });

  test('that wakes another task, or closes its socket, is the current task again afterwards', () => {
    const [one, other] = pair();
    function* reader(): Coroutine {
      yield ['read', one];
      seen.push(currentTask() === reading);
    }
    function* closer(): Coroutine {
      yield ['sleep', 0];
      loop.close(one);
      seen.push(currentTask() === closing);
    }
    const reading: Task = loop.spawn(reader());
    const closing: Task = loop.spawn(closer());
    loop.run();
    other.close();
    expect(seen).toEqual([true, true]);
    expect(currentTask).toThrow('only coroutines that a TaskLoop has spawned are tasks');
  });

  test('that yields an impossible wait gets the error there', () => {
    const [one, other] = pair();
    for (const socket of [one, other]) socket.close();
    function* reader(): Coroutine {
      yield ['read', one];
    }
    expect(run(reader())).toEqual([expect.stringContaining('EBADF')]);
  });
});

test("a timer of Node cancels a task of a loop that is a guest in Node's, and its finally sleeps", async () => {
  const lines = ['a turn is due: false', 'a turn is due: true', 'it ends', 'all have ended', ''];
  const { exit, stdout } = await runScript('test/fixtures/in-node.ts');
  expect({ exit, stdout }).toEqual({ exit: 0, stdout: lines.join('\n') });
});

describe('withTimeout()', () => {
  test('returns the result in time, or throws TimedOut when the time is over and all finally have run', () => {
    run(withTimeout(60_000, sleeper('early', 5)));
    run(withTimeout(60_000, fails('early', 5)));
    run(withTimeout(5, sleeper('late', 60_000, 20)));
    expect(seen).toEqual(['early ends', 'early', 'Error: early', 'late ends', 'TimedOut: Not done in 5 ms']);
  });

  // Which of two is over first, and the coroutine sees Cancelled: what each of the two calls throws.
  for (const [inner, outer, told] of [
    [5, 60_000, ['ends: Cancelled', 'inner: TimedOut: Not done in 5 ms', 'goes on']],
    [60_000, 5, ['ends: Cancelled', 'inner: Cancelled', 'TimedOut: Not done in 5 ms']],
    [5, 5, ['ends: Cancelled', 'inner: Cancelled', 'TimedOut: Not done in 5 ms']],
  ] as const) {
    test(`of ${inner} ms within one of ${outer} ms: the call whose time is over throws TimedOut`, () => {
      function* noted(what: string, coroutine: Coroutine): Coroutine {
        try {
          yield* coroutine;
        } catch (error) {
          seen.push(`${what}: ${error}`);
          throw error;
        }
      }
      function* nested(): Coroutine<string> {
        try {
          yield* noted('inner', withTimeout(inner, noted('ends', sleep(60_000))));
        } catch (error) {
          if (!(error instanceof TimedOut)) throw error;
        }
        return 'goes on';
      }
      expect(run(withTimeout(outer, nested()))).toEqual(told);
    });
  }

  test('is stopped by a limit around it that is over: it does not interrupt the finally', () => {
    run(withTimeout(5, withTimeout(20, sleeper('one', 60_000, 40))));
    expect(seen.splice(0)).toEqual(['one ends', 'TimedOut: Not done in 5 ms']);
    const task = loop.spawn(withTimeout(20, sleeper('two', 60_000, 40)));
    task.cancel();
    run(task.join());
    expect(seen).toEqual(['two ends', 'Cancelled']);
  });

  test('interrupts the finally of a limit within it that was over before', () => {
    expect(run(withTimeout(20, withTimeout(5, sleeper('one', 60_000, 60_000))))).toEqual([
      'TimedOut: Not done in 20 ms',
    ]);
  });

  test('limits a finally', () => {
    function* slow(): Coroutine {
      try {
        yield ['sleep', 60_000];
      } finally {
        yield* outcome(withTimeout(5, sleeper('last words')));
      }
    }
    const task = loop.spawn(slow());
    task.cancel();
    run(task.join());
    expect(seen).toEqual(['last words ends', 'TimedOut: Not done in 5 ms', 'Cancelled']);
  });
});

describe('withGroup()', () => {
  /** Runs a body in a group, and returns the notes, and the outcome. */
  const runGroup = (body: (group: Group) => Coroutine) => run(withGroup(body));

  function* nothing(): Coroutine {}

  test('returns when the body has ended, and all tasks that it, or they, have spawned in the group', () => {
    runGroup(function* (group) {
      yield* sleep(0);
      function* spawner(): Coroutine {
        yield ['sleep', 5];
        group.spawn(sleeper('grandchild', 20));
      }
      group.spawn(spawner());
      group.spawn(sleeper('child', 10));
      seen.push('the body ends');
    });
    expect(seen).toEqual(['the body ends', 'child ends', 'grandchild ends', undefined]);
  });

  test('that has nothing to wait for returns', () => {
    expect(runGroup(nothing)).toEqual([undefined]);
  });

  for (const [who, after] of [
    ['the body', 0],
    ['a task', 0],
    ['a task', 5],
  ] as const) {
    test(`throws the error of ${who} that fails after ${after} ms, when the others, cancelled, have ended`, () => {
      runGroup(function* (group) {
        group.spawn(sleeper('one', 60_000, 10));
        if (who === 'the body') yield* fails('no', after);
        group.spawn(fails('no', after));
        yield* sleeper('the body');
      });
      const ended = who === 'the body' ? ['one ends'] : ['the body ends', 'one ends'];
      expect(seen).toEqual([...ended, 'Error: no']);
    });
  }

  test('cancels its tasks, and waits for them, when its caller is cancelled, or exceeds a time limit', () => {
    function* body(group: Group): Coroutine {
      group.spawn(sleeper('one', 60_000, 10));
      yield* sleeper('the body');
    }
    const task = loop.spawn(withGroup(body));
    task.cancel();
    run(task.join());
    expect(seen.splice(0)).toEqual(['the body ends', 'one ends', 'Cancelled']);
    run(withTimeout(5, withGroup(body)));
    expect(seen.splice(0)).toEqual(['the body ends', 'one ends', 'TimedOut: Not done in 5 ms']);
    run(
      withTimeout(
        5,
        withGroup((group) => withGroup(() => body(group))),
      ),
    );
    expect(seen).toEqual(['the body ends', 'one ends', 'TimedOut: Not done in 5 ms']);
  });

  test('ends in good order when one of its tasks cancels it, and cancels tasks that are spawned later', () => {
    runGroup(function* (group) {
      group.spawn(sleeper('one'));
      group.cancel();
      group.spawn(sleeper('two'));
      yield ['sleep', 60_000];
    });
    expect(seen).toEqual(['one ends', 'two ends', undefined]);
  });

  test('goes on when one of its tasks is cancelled', () => {
    runGroup(function* (group) {
      group.spawn(sleeper('one')).cancel();
      yield* sleeper('the body', 10);
    });
    expect(seen).toEqual(['one ends', 'the body ends', undefined]);
  });

  test('needs a task to run in', () => {
    expect(() => withGroup(nothing).next()).toThrow('only coroutines that a TaskLoop has spawned are tasks');
  });
});

test('3,000 tasks, cancelled at random points, leave no descriptor behind, no waiter and no sleeper', () => {
  const [TASKS, AT_ONCE] = [3000, 200];
  const random = numbers(4);
  const descriptors = () => (onLinux ? readdirSync('/proc/self/fd').length : 0);
  let [spawned, cancelled, timedOut] = [0, 0, 0];

  /** Holds a socket, and waits, in several ways. */
  function* client(): Coroutine {
    const [socket, other] = Socket.pair();
    for (const each of [socket, other]) each.setBlocking(false);
    try {
      if (random(40) === 0) while (socket.trySend(Buffer.alloc(100_000)) !== 'would-block');
      for (let i = random(4); i >= 0; i--) yield* waits(socket, other);
    } finally {
      try {
        if (random(2)) yield ['sleep', random(3)]; // It may be cancelled here, too.
      } finally {
        for (const open of [socket, other]) loop.close(open);
      }
    }
  }

  function* waits(socket: Socket, other: Socket): Coroutine {
    const ways: (() => Coroutine)[] = [
      () => sleep(random(4)),
      () => writes(socket),
      () => inTime(reads(other)),
      () => inTime(withTimeout(random(4), reads(socket))),
      () => inTime(withGroup((group) => body(group, socket))),
    ];
    const way = ways[random(ways.length)] as () => Coroutine;
    yield* way();
  }

  function* body(group: Group, socket: Socket): Coroutine {
    group.spawn(reads(socket));
    if (random(2)) group.spawn(sleep(random(2)));
    yield* writes(socket);
    if (random(2)) group.cancel();
  }

  function* reads(socket: Socket): Coroutine {
    yield ['read', socket];
    socket.tryRecv(1000);
  }

  function* writes(socket: Socket): Coroutine {
    yield ['write', socket];
  }

  function* inTime(coroutine: Coroutine): Coroutine {
    try {
      yield* withTimeout(random(4), coroutine);
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      timedOut++;
    }
  }

  const before = descriptors();
  const running = new Set<Task>();
  while (spawned < TASKS || running.size > 0) {
    for (; running.size < AT_ONCE && spawned < TASKS; spawned++) {
      const task = loop.spawn(client());
      running.add(task);
      task.whenEnded(() => {
        running.delete(task);
        if (task.isCancelled) cancelled++;
        task.cancel();
      });
    }
    for (const task of running) if (random(6) === 0) task.cancel();
    loop.tick(1);
  }
  loop.run();
  expect(descriptors()).toBe(before);
  // Or it would prove little:
  expect(cancelled).toBeGreaterThan(TASKS / 4);
  expect(cancelled).toBeLessThan(TASKS);
  expect(timedOut).toBeGreaterThan(TASKS / 100);

  /** Numbers below a limit that look random, the same in each run. */
  function numbers(state: number): (below: number) => number {
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }
});
