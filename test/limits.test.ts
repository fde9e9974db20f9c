// The limits of level 12, without sockets: what a guard does with clients, and when.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Guard, type Guarded } from '../src/limits/guard.ts';
import type { Limits } from '../src/limits/limits.ts';
import type { Watch } from '../src/limits/watch.ts';
import { Address } from '../src/sockets/socket.ts';

const limits: Limits = {
  maxLine: 100,
  maxUnsent: 100,
  lineTimeout: 30_000,
  idleTimeout: 300_000,
  maxOwed: 1000,
  stallTimeout: 10_000,
  maxClients: 3,
  maxPerAddress: 2,
};

type Entered = { guest: Guarded; watch: Watch; done: string[]; resume: () => void };

/** A client, and what the guard does with it. */
function enter(guard: Guard, host = '127.0.0.1', goOn = (): void => {}): Entered {
  const done: string[] = [];
  const resume = () => {
    done.push('resumed');
    goOn();
  };
  const guest: Guarded = {
    address: new Address(host, 1),
    tell: (line) => done.push(line),
    finish: () => done.push('closed'),
    cutOff: (why) => done.push(`cut off: ${why}`), // The client leaves later, as with a socket of Node's.
    resume,
  };
  return { guest, watch: guard.enter(guest), done, resume };
}

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

describe('a guard', () => {
  test('admits so many clients, and so many of one address', () => {
    const guard = new Guard(limits);
    const told: string[] = [];
    const admits = (host: string) => guard.admits(new Address(host, 1), (line) => told.push(`${line}`));
    const { guest } = enter(guard, '::1');
    enter(guard, '::1');
    expect(admits('::1')).toBe(false);
    expect(admits('::2')).toBe(true);
    enter(guard, '::2');
    expect(admits('::3')).toBe(false);
    expect(told).toEqual(['ERROR too many connections\n', 'ERROR full\n']);
    guard.leave(guest);
    guard.leave(guest);
    expect(admits('::1')).toBe(true);
    expect(Object.fromEntries(guard.offenders)).toEqual({ full: 1, 'too many connections': 1 });
  });

  test('dismisses a client that sends nothing until the idle timeout', () => {
    const { watch, done } = enter(new Guard(limits));
    vi.advanceTimersByTime(299_000);
    watch.heard(5);
    vi.advanceTimersByTime(299_000);
    expect(done).toEqual([]);
    vi.advanceTimersByTime(1001);
    expect(done).toEqual(['ERROR idle timeout', 'closed']);
    vi.advanceTimersByTime(10_001); // It has to go, and does not.
    expect(done).toEqual(['ERROR idle timeout', 'closed', 'cut off: stalled']);
    vi.advanceTimersByTime(1_000_000);
    expect(done.length).toBe(3);
  });

  test('dismisses a client whose line has not ended at the line timeout, however its bytes trickle', () => {
    const { watch, done } = enter(new Guard(limits));
    watch.heard(1, 1);
    for (let i = 0; i < 29; i++) {
      vi.advanceTimersByTime(1000);
      watch.heard(1, 1);
    }
    expect(done).toEqual([]);
    vi.advanceTimersByTime(1001);
    expect(done).toEqual(['ERROR line timeout', 'closed']);
  });

  test('measures the time of each line by itself', () => {
    const { watch, done } = enter(new Guard(limits));
    for (let i = 0; i < 10; i++) {
      watch.heard(1, i);
      vi.advanceTimersByTime(20_000);
    }
    watch.heard(1);
    vi.advanceTimersByTime(100_000);
    expect(done).toEqual([]);
  });

  test('cuts off a client that takes none of the bytes it is owed, but not a client that takes a byte now and then', () => {
    const guard = new Guard(limits);
    const [slow, stalled] = [enter(guard), enter(guard)];
    for (const { watch } of [slow, stalled]) {
      watch.owes(200);
      watch.took(50);
    }
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(9000);
      slow.watch.took(1);
    }
    expect(slow.done).toEqual([]);
    expect(stalled.done).toEqual(['cut off: stalled']);
  });

  test('cuts off a client that is owed too much, but only when the kernel has no room', () => {
    const { watch, done } = enter(new Guard(limits));
    expect(watch.owes(1500)).toBe(true);
    watch.took(1400);
    vi.advanceTimersByTime(1);
    expect(done).toEqual([]);
    expect(watch.owes(1000)).toBe(true);
    expect(watch.owes(1)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(done).toEqual(['cut off: owed too much']);
  });

  test('answers no lines of a client that is owed a quarter of the limit, until that is sent; it is not idle meanwhile', () => {
    const guard = new Guard({ ...limits, stallTimeout: Number.POSITIVE_INFINITY });
    const { watch, done } = enter(guard);
    watch.heard(5, 1);
    watch.owes(250);
    expect(watch.mayBeHeard()).toBe(true);
    watch.owes(1);
    expect(watch.mayBeHeard()).toBe(false);
    expect(enter(guard).watch.mayBeHeard()).toBe(true);
    watch.took(0);
    vi.advanceTimersByTime(1_000_000);
    expect(done).toEqual([]);
    watch.took(1);
    expect(done).toEqual(['resumed']);
    expect(watch.mayBeHeard()).toBe(true);
    vi.advanceTimersByTime(30_001);
    expect(done).toEqual(['resumed', 'ERROR line timeout', 'closed']);
  });

  test('answers the next line of a client when the kernel takes all answers at once', () => {
    const { watch, done } = enter(new Guard(limits));
    watch.owes(251);
    expect(watch.mayBeHeard()).toBe(false);
    watch.took(251);
    vi.advanceTimersByTime(1);
    expect(done).toEqual(['resumed']);
  });

  test('answers the next line of a client that speaks to one that lags after a pause of a tenth of a second at most', () => {
    const guard = new Guard(limits);
    const [speaker, other, listener] = [enter(guard), enter(guard), enter(guard)];
    listener.watch.owes(251);
    listener.watch.took(0);
    for (const [elapsed, pause] of [
      [0, 1],
      [9, 10],
      [490, 100],
    ] as const) {
      vi.advanceTimersByTime(elapsed);
      expect(speaker.watch.mayBeHeard()).toBe(true);
      listener.watch.owes(1);
      speaker.watch.answered();
      expect(speaker.watch.mayBeHeard()).toBe(false);
      expect(other.watch.mayBeHeard()).toBe(true);
      vi.advanceTimersByTime(pause - 1);
      expect(speaker.watch.mayBeHeard()).toBe(false);
      vi.advanceTimersByTime(1);
    }
    expect(speaker.done).toEqual(['resumed', 'resumed', 'resumed']);
    expect(other.done).toEqual([]);
  });

  test('answers without a pause when lines of others go to a client that lags', () => {
    const guard = new Guard(limits);
    const [speaker, listener] = [enter(guard), enter(guard)];
    listener.watch.owes(251);
    listener.watch.took(0);
    expect(speaker.watch.mayBeHeard()).toBe(true);
    speaker.watch.answered();
    listener.watch.owes(1); // another client left
    expect(speaker.watch.mayBeHeard()).toBe(true);
  });

  test("answers a hundred lines of a client in each turn of Node's loop", () => {
    let waiting = 350;
    const { watch, resume } = enter(new Guard(limits), '::1', () => {
      while (waiting > 0 && watch.mayBeHeard()) waiting--;
    });
    for (const left of [250, 150, 50, 0]) {
      if (left === 250) resume();
      else vi.advanceTimersByTime(1);
      expect(waiting).toBe(left);
    }
  });

  test('answers without a pause when a client sends a line at a time', () => {
    const { watch, done } = enter(new Guard(limits));
    for (let i = 0; i < 1000; i++) {
      expect(watch.mayBeHeard()).toBe(true);
      watch.heard(5);
    }
    expect(done).toEqual([]);
  });

  test('waits for a client that has ended its stream, as long as it takes bytes', () => {
    const { watch, done } = enter(new Guard(limits));
    watch.owes(100);
    watch.took(1);
    watch.finished();
    for (let i = 0; i < 80; i++) {
      vi.advanceTimersByTime(9000);
      watch.took(1);
    }
    expect(done).toEqual([]);
    vi.advanceTimersByTime(10_001);
    expect(done).toEqual(['cut off: stalled']);
  });

  test('has one timer for all clients, which does not ring while they are idle', () => {
    const guard = new Guard({ ...limits, maxClients: 10_000, maxPerAddress: 10_000 });
    const guests = Array.from({ length: 10_000 }, () => enter(guard));
    expect(vi.getTimerCount()).toBe(1);
    for (const { watch } of guests) watch.heard(5);
    expect(vi.getTimerCount()).toBe(1);
    for (const { guest } of guests) guard.leave(guest);
    vi.advanceTimersByTime(300_001);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('switches a limit off by 0', () => {
    const off = Object.fromEntries(Object.keys(limits).map((name) => [name, Number.POSITIVE_INFINITY]));
    const guard = new Guard(off as Limits);
    const { watch, done } = enter(guard);
    watch.heard(1, 1);
    watch.owes(10_000_000);
    watch.took(0);
    expect(watch.mayBeHeard()).toBe(true);
    vi.advanceTimersByTime(2 ** 31);
    expect(done).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
