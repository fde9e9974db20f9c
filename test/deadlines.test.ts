// Deadlines call functions at their times, in any order of adding and cancelling.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Deadlines } from '../src/sockets/deadlines.ts';
import { Timer } from '../src/sockets/timer.ts';

describe('Deadlines', () => {
  test('calls the functions that are due, in the order of their times, and then of add(); no cancelled function', () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat(20) }),
      fc.record({ cancel: fc.nat(100) }),
      fc.record({ until: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const deadlines = new Deadlines();
        const cancels: (() => void)[] = [];
        const called: number[] = [];
        let waiting: { id: number; time: number }[] = []; // sorted: what a heap saves
        for (const step of [...steps, { until: 20 }]) {
          if ('add' in step) {
            const id = cancels.length;
            cancels.push(deadlines.add(step.add, () => called.push(id)));
            waiting.push({ id, time: step.add });
            waiting.sort((a, b) => a.time - b.time); // stable
          } else if ('cancel' in step) {
            cancels[step.cancel]?.();
            waiting = waiting.filter(({ id }) => id !== step.cancel);
          } else {
            deadlines.callUntil(step.until);
            const due = waiting.filter(({ time }) => time <= step.until);
            waiting = waiting.slice(due.length);
            expect(called.splice(0)).toEqual(due.map(({ id }) => id));
          }
          expect(deadlines.first).toBe(waiting[0]?.time ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });

  test('lets a function cancel another that is due, and add one that is not', () => {
    const deadlines = new Deadlines();
    const called: string[] = [];
    deadlines.add(1, () => {
      called.push('first');
      cancel();
      deadlines.add(3, () => called.push('late'));
    });
    const cancel = deadlines.add(2, () => called.push('second'));
    deadlines.callUntil(2);
    expect(called).toEqual(['first']);
    deadlines.callUntil(3);
    expect(called).toEqual(['first', 'late']);
  });
});

test('Timer rings at the earliest of its times, and not at once for one in two months', () => {
  vi.useFakeTimers();
  const rings: number[] = [];
  const begin = performance.now();
  const timer = new Timer(() => rings.push(performance.now() - begin));
  timer.set(begin + 60 * 86_400_000);
  vi.advanceTimersByTime(1000);
  expect(rings).toEqual([]);
  for (const after of [3000, 2000, 4000]) timer.set(begin + after);
  vi.advanceTimersByTime(10_000);
  timer.set(begin);
  timer.cancel();
  vi.advanceTimersByTime(10_000);
  expect(rings).toEqual([2000]);
  vi.useRealTimers();
});
