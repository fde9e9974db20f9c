// TRACE, and strace beside it: that the calls which are shown are those that are made.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { Program } from '../src/behaviours/program.ts';
import { nodeOptions, runnable } from '../src/behaviours/server.ts';
import type { SystemCall } from '../src/sockets/system-call.ts';
import { canTrace, run, serving, temporaryFolder, until } from './harness.ts';

const folder = temporaryFolder();

const readTrace = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Required<SystemCall>);

describe.concurrent('TRACE', () => {
  test('writes a line per call: what, when, how long, which thread and descriptor, what came of it', async () => {
    const file = join(folder, 'single3.jsonl');
    writeFileSync(file, 'something older\n');
    const { pid } = await serving(
      'single3',
      async (server) => {
        const client = await Client.connect(server.port);
        await server.logged(/ connected$/);
        await new Promise((resolve) => setTimeout(resolve, 100)); // the idleness that is to be seen
        await client.send('hello\n');
        expect(await client.line()).toBe('hello');
        client.reset();
        await Client.connect(server.port);
        await server.logged(/ connected$/); // so the last connection is closed
        return { pid: server.child.pid };
      },
      { env: { TRACE: file } },
    );
    const calls = readTrace(file);
    const names = calls.map(({ call }) => call).filter((call) => call !== 'setsockopt');
    expect(names.join(' ')).toBe('socket bind listen getsockname accept recv send recv close accept');
    expect(calls.every((call) => call.pid === pid && call.thread === 0)).toBe(true);
    for (const [i, call] of calls.entries()) {
      const previous = calls[i - 1];
      if (previous) expect(call.begin).toBeGreaterThanOrEqual(previous.begin + previous.took);
    }
    type Call = Required<SystemCall>;
    const [accept, hello, send, reset] = calls.slice(-6) as [Call, Call, Call, Call];
    expect(hello).toMatchObject({ fd: accept.result, result: 6 });
    expect(send).toMatchObject({ fd: accept.result, result: 6 });
    expect(reset).toMatchObject({ fd: accept.result, result: -1, error: 'ECONNRESET' });
    expect(hello.took).toBeGreaterThan(90_000); // It sat in recv() while the client said nothing.
  });

  test('writes the calls of workers and of child processes to the same file', async () => {
    const file = join(folder, 'family.jsonl');
    const { exit, stderr } = await run(process.execPath, runnable('test/fixtures/family.ts'), {
      env: { TRACE: file },
    });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    const callers = new Map<string, string[]>();
    for (const { pid, thread, call } of readTrace(file)) {
      const caller = `${pid} ${thread}`;
      callers.set(caller, [...(callers.get(caller) ?? []), call]);
    }
    expect(callers.size).toBe(3);
    for (const calls of callers.values()) {
      expect(calls.filter((call) => call !== 'setsockopt')).toEqual(['socket', 'bind', 'listen', 'close']);
    }
    const [main, child, worker] = [...callers.keys()].map((caller) => caller.split(' '));
    expect(main?.[1]).toBe('0');
    expect(child?.[0]).not.toBe(main?.[0]);
    expect(worker).toEqual([main?.[0], expect.not.stringMatching(/^0$/)]);
  });

  for (const [step, who] of [
    ['thread4', (call: SystemCall) => call.thread],
    ['prefork4', (call: SystemCall) => call.pid],
  ] as const) {
    test(`shows that ${step} has others wait in recv() than those in accept()`, async () => {
      const file = join(folder, `${step}.jsonl`);
      await serving(
        step,
        async (server) => {
          const clients = [await Client.connect(server.port), await Client.connect(server.port)];
          for (const client of clients) {
            await client.send('hello\n');
            expect(await client.line()).toBe('hello');
          }
        },
        { env: { TRACE: file } },
      );
      const calls = readTrace(file);
      const whoCalls = (name: string) => new Set(calls.filter(({ call }) => call === name).map(who));
      expect(whoCalls('listen').size).toBe(1);
      expect(whoCalls('recv').size).toBe(2);
      for (const one of whoCalls('recv')) expect(whoCalls('listen')).not.toContain(one);
    });
  }

  test('shows a thread of pool4 that sleeps until there is a client for it', async () => {
    const file = join(folder, 'pool4.jsonl');
    await serving(
      'pool4',
      async (server) => {
        for (let i = 0; i < 2; i++) {
          const client = await Client.connect(server.port);
          await client.send('hello\n');
          expect(await client.line()).toBe('hello');
          client.close();
          await server.logged(/disconnected/);
          await new Promise((resolve) => setTimeout(resolve, 100)); // the idleness that is to be seen
        }
      },
      { env: { TRACE: file }, args: ['--workers', '1'] },
    );
    const calls = readTrace(file);
    const worker = calls.find(({ call }) => call === 'recv')?.thread;
    const own = calls.filter(({ thread }) => thread === worker);
    const first = own.findIndex(({ call }) => call === 'close');
    const second = own.findIndex(({ call }, i) => i > first && call === 'recv');
    const between = own.slice(first + 1, second);
    expect(new Set(between.map(({ call }) => call))).toEqual(new Set(['Atomics.wait']));
    expect(Math.max(...between.map(({ took }) => took))).toBeGreaterThan(90_000);
  });

  test('that can not be written is one line, and exit code 1', async () => {
    const { exit, stderr } = await run(process.execPath, runnable('src/single/single3.ts'), {
      env: { TRACE: '/no such folder/trace.jsonl' },
    });
    expect({ exit, stderr }).toEqual({
      exit: 1,
      stderr: 'Cannot write TRACE=/no such folder/trace.jsonl: ENOENT\n',
    });
  });
});

describe.runIf(canTrace()).concurrent('strace', () => {
  test('shows one accept of single3 at a time, and a recvfrom that blocks while the client is idle', async () => {
    const file = join(folder, 'strace.txt');
    const strace = new Program(
      'strace',
      ['-f', '-e', 'trace=network', '-o', file, process.execPath, ...nodeOptions].concat([
        'src/single/single3.ts',
        '--port',
        '0',
      ]),
      { group: true },
    );
    /** Waits until the last call that was begun is this one: a line of strace without a result. */
    const blockedIn = async (call: RegExp) => {
      const last = () => readFileSync(file, 'utf8').split('\n').at(-1) ?? '';
      await until(() => call.test(last()));
    };
    const calls = (name: string) => readFileSync(file, 'utf8').split(`${name}(`).length - 1;
    try {
      const port = Number((await strace.stdout.line()).split(':')[1]);
      await blockedIn(/ accept\(\d+, $/);
      const idle = await Client.connect(port);
      await strace.stdout.lineLike(/connected/);
      await blockedIn(/ recvfrom\(\d+, $/);
      const waiting = await Client.connect(port);
      await waiting.send('hello\n');
      await idle.send('hello\n');
      expect(await idle.line()).toBe('hello');
      await blockedIn(/ recvfrom\(\d+, $/);
      expect([calls('accept'), calls('recvfrom')]).toEqual([1, 2]); // The second client is not even accepted.
      idle.close();
      expect(await waiting.line()).toBe('hello');
      waiting.close();
      await strace.stdout.lineLike(/disconnected/);
      await strace.stdout.lineLike(/disconnected/);
      await blockedIn(/ accept\(\d+, $/);
      expect(calls('accept')).toBe(3);
    } finally {
      await strace.stop();
    }
  });
});
