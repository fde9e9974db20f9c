// Memory that threads share: numbers, and what is built on them.

import { describe, expect, test } from 'vitest';
import { runScript } from './harness.ts';

describe.concurrent('threads', () => {
  test('BlockingQueue loses nothing, doubles nothing, and keeps the order, between three and three threads', async () => {
    const { exit, stdout, stderr } = await runScript('test/fixtures/queue.ts');
    const sum = 3 * ((5000 * 5001) / 2);
    expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: `sum ${sum} balance 0\n`, stderr: '' });
  });

  test('SharedRoom lets one thread in at a time, and the next one after it has failed', async () => {
    const result = await runScript('test/fixtures/room.ts');
    expect(result).toEqual({ exit: 0, stdout: 'not alone 0 times\n', stderr: '' });
  });
});
