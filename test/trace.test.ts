// TRACE, and strace beside it: that the calls which are shown are those that are made.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { Program } from '../src/behaviours/program.ts';
import { nodeOptions, runnable, type Server } from '../src/behaviours/server.ts';
import type { SystemCall } from '../src/sockets/system-call.ts';
import { canTrace, run, serving, temporaryFolder, until } from './harness.ts';

const folder = temporaryFolder();

type Call = Required<SystemCall>;

/** The calls of a step for as long as `use` takes, and the number of its first process. The file is there before. */
async function traced(step: string, use: (server: Server) => Promise<void>, args: string[] = []) {
  const file = join(folder, `${step}.jsonl`);
  writeFileSync(file, 'something older\n');
  const pid = await serving(step, (server) => use(server).then(() => server.child.pid), {
    args,
    env: { TRACE: file },
  });
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return { pid, calls: lines.map((line): Call => JSON.parse(line)) };
}

/** A new client, to which a line has been echoed. */
async function greeted({ port }: Server): Promise<Client> {
  const client = await Client.connect(port);
  await hello(client);
  return client;
}

async function hello(client: Client): Promise<void> {
  await client.send('hello\n');
  await client.expect('hello\n');
}

/** The idleness that is to be seen. */
const idleness = () => sleep(100);

describe.concurrent('TRACE', () => {
  test('writes a line per call: what, when, how long, which thread and descriptor, what came of it', async () => {
    const { pid, calls } = await traced('single3', async (server) => {
      const client = await Client.connect(server.port);
      await server.logged(/ connected$/);
      await idleness();
      await hello(client);
      client.reset();
      await Client.connect(server.port);
      await server.logged(/ connected$/); // so the last connection is closed
    });
    const names = calls.map(({ call }) => call).filter((call) => call !== 'setsockopt');
    expect(names.join(' ')).toBe('socket bind listen getsockname accept recv send recv close accept');
    expect(calls.every((call) => call.pid === pid && call.thread === 0)).toBe(true);
    for (const [i, { begin, took }] of calls.slice(0, -1).entries()) {
      expect(calls[i + 1]?.begin).toBeGreaterThanOrEqual(begin + took);
    }
    const [accept, recv, send, reset] = calls.slice(-6) as [Call, Call, Call, Call];
    expect(recv).toMatchObject({ fd: accept.result, result: 6 });
    expect(send).toMatchObject({ fd: accept.result, result: 6 });
    expect(reset).toMatchObject({ fd: accept.result, result: -1, error: 'ECONNRESET' });
    expect(recv.took).toBeGreaterThan(90_000); // It sat in recv() while the client said nothing.
  });

  // Workers and child processes write to the file that the first thread of the first process has begun.
  for (const step of ['thread4', 'prefork4']) {
    test(`shows that ${step} has others wait in recv() than those in accept()`, async () => {
      const { pid, calls } = await traced(step, async (server) => {
        await greeted(server);
        await greeted(server);
      });
      const whoCalls = (name: string) =>
        new Set(calls.filter(({ call }) => call === name).map(({ pid, thread }) => `${pid} ${thread}`));
      expect([...whoCalls('listen')]).toEqual([`${pid} 0`]);
      expect(whoCalls('recv').size).toBe(2);
      const other = step === 'thread4' ? `^${pid} (?!0$)` : `^(?!${pid} ).* 0$`;
      for (const caller of whoCalls('recv')) expect(caller).toMatch(new RegExp(other));
    });
  }

  test('shows a thread of pool4 that sleeps until there is a client for it', async () => {
    const use = async (server: Server) => {
      for (let i = 0; i < 2; i++) {
        (await greeted(server)).close();
        await server.logged(/disconnected/);
        await idleness();
      }
    };
    const { calls } = await traced('pool4', use, ['--workers', '1']);
    const worker = calls.find(({ call }) => call === 'recv')?.thread;
    const own = calls.filter(({ thread }) => thread === worker);
    const first = own.findIndex(({ call }) => call === 'close');
    const between = own.slice(
      first + 1,
      own.findIndex(({ call }, i) => i > first && call === 'recv'),
    );
    expect(new Set(between.map(({ call }) => call))).toEqual(new Set(['Atomics.wait']));
    expect(Math.max(...between.map(({ took }) => took))).toBeGreaterThan(90_000);
  });

  for (const step of ['single3', 'thread4', 'prefork4', 'await6', 'callback6', 'stream6']) {
    test.runIf(existsSync('/dev/full'))(`to a full disk is one line at ${step}, which serves on`, () =>
      serving(
        step,
        async (server) => {
          for (let i = 0; i < 3; i++) (await greeted(server)).close();
          const line = 'Cannot write TRACE=/dev/full: ENOSPC, no more of it from here on\n';
          expect(server.stderr.waiting).toBe(line);
        },
        { env: { TRACE: '/dev/full' } },
      ),
    );
  }

  test('that can not be written is one line, and exit code 1', async () => {
    const TRACE = '/no such folder/trace.jsonl';
    const { exit, stderr } = await run(process.execPath, runnable('src/single/single3.ts'), {
      env: { TRACE },
    });
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: `Cannot write TRACE=${TRACE}: ENOENT\n` });
  });
});

describe.runIf(canTrace()).concurrent('strace', () => {
  test('shows one accept of single3 at a time, and a recvfrom that blocks while the client is idle', async () => {
    const file = join(folder, 'strace.txt');
    const args = ['-f', '-e', 'trace=network', '-o', file, process.execPath, ...nodeOptions];
    const strace = new Program('strace', [...args, 'src/single/single3.ts', '--port', '0'], { group: true });
    const lines = () => readFileSync(file, 'utf8').split('\n');
    /** Waits until the last call that was begun is this one: a line of strace without a result. */
    const blockedIn = (call: RegExp) => until(() => call.test(lines().at(-1) ?? ''));
    const calls = (name: string) => lines().filter((line) => line.includes(`${name}(`)).length;
    try {
      const port = Number((await strace.stdout.line()).split(':')[1]);
      await blockedIn(/ accept\(\d+, $/);
      const idle = await Client.connect(port);
      await strace.stdout.lineLike(/connected/);
      await blockedIn(/ recvfrom\(\d+, $/);
      const waiting = await Client.connect(port);
      await waiting.send('hello\n');
      await hello(idle);
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
