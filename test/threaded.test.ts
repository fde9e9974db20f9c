// What the threads and processes show, beyond the behaviours that all steps are held to.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { ExpectationError, PATIENCE } from '../src/behaviours/inbox.ts';
import { pour } from '../src/behaviours/pour.ts';
import { runnable, type Server } from '../src/behaviours/server.ts';
import { onLinux, request, run, say, serving, servingWithin, until } from './harness.ts';

/** What one of dozens of threads may take, milliseconds: they start one by one, and an idle machine takes 40 each. */
const LONG = 150_000;

/** Connects, and has something echoed. */
async function meet(server: Server, word = 'hello', patience?: number): Promise<Client> {
  const client = await Client.connect(server.port, { ...(patience && { patience }) });
  await ask(client, word);
  return client;
}

async function ask(client: Client, word: string): Promise<void> {
  await client.send(`${word}\n`);
  expect(await client.line()).toBe(word);
}

/** So many clients who have had something echoed, one after the other. */
async function company(server: Server, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) clients.push(await meet(server));
  return clients;
}

/** Sees that one more client waits, however much the others say, until one of them leaves. */
async function waits(server: Server, clients: Client[], leaves: number): Promise<void> {
  const next = await Client.connect(server.port);
  await next.send('and me?\n');
  for (let i = 0; i < 20; i++) {
    for (const client of clients) await ask(client, `${i}`);
    expect(next.waiting).toBe('');
  }
  clients[leaves]?.close();
  expect(await next.line()).toBe('and me?');
  for (const client of clients) if (!client.socket.destroyed) await ask(client, 'still here');
}

/** The descriptors of a process, without those of the log that is read by us. */
const descriptors = (pid: number | undefined) => readdirSync(`/proc/${pid}/fd`).length;
const threads = (pid: number | undefined) => readdirSync(`/proc/${pid}/task`).length;

function children(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

/** The process that holds the other end of this connection. */
function whoServes(server: Server, client: Client): number {
  const port = (n: number | undefined) => n?.toString(16).toUpperCase().padStart(4, '0');
  const ends = `0100007F:${port(server.port)} 0100007F:${port(client.socket.localPort)} `;
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((line) => line.includes(ends));
  const inode = line?.trim().split(/\s+/)[9];
  for (const pid of children(server.child.pid)) {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        if (readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`) return pid;
      } catch {
        // closed meanwhile
      }
    }
  }
  throw new Error('no process serves it');
}

/**
 * Waits until a thread of this server sits in send() for good. The kernel wakes one only when a third of its buffer is free.
 * With less, the next wake-up of any kind has it go on: so it is stopped and continued until it sits there all the same. A
 * SIGCONT cancels a SIGSTOP that has not stopped every thread yet, hence the wait in between.
 */
async function sitsInSend({ child, stdout }: Server): Promise<void> {
  const sendto = process.arch === 'x64' ? '44 ' : '206 ';
  const ofThreads = (file: string) =>
    readdirSync(`/proc/${child.pid}/task`).map((thread) =>
      readFileSync(`/proc/${child.pid}/task/${thread}/${file}`, 'utf8'),
    );
  let [times, logged] = [0, 0];
  for (const deadline = performance.now() + PATIENCE; times < 5; ) {
    if (performance.now() > deadline) throw new ExpectationError('no thread sits in send()');
    child.kill('SIGSTOP');
    await until(() => ofThreads('stat').every((stat) => stat.includes(') T ')));
    child.kill('SIGCONT');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const sits = stdout.received === logged && ofThreads('syscall').some((call) => call.startsWith(sendto));
    logged = stdout.received;
    times = sits ? times + 1 : 0;
  }
}

/** What a process holds, as soon as that has not changed for a while: threads take a moment to end. */
async function settled(pid: number | undefined): Promise<{ descriptors: number; threads: number }> {
  let last = '';
  let since = performance.now();
  await until(() => {
    const now = `${descriptors(pid)} ${threads(pid)}`;
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since > 400;
  });
  return { descriptors: descriptors(pid), threads: threads(pid) };
}

describe.concurrent('many at once', () => {
  test(
    'thread4 serves 15, each in a thread of its own',
    () =>
      serving('thread4', async (server) => {
        const before = onLinux ? threads(server.child.pid) : 0;
        const clients = await Promise.all(
          Array.from({ length: 15 }, (_, i) => meet(server, `I am ${i}`, LONG)),
        );
        await Promise.all(clients.map((client, i) => ask(client, `and still ${i}`)));
        if (onLinux) expect(threads(server.child.pid)).toBe(before + 15);
      }),
    LONG,
  );

  for (const step of ['thread4', 'prefork4']) {
    test(`${step} never mixes two lines of its log`, () =>
      serving(step, async (server) => {
        const clients = await Promise.all(Array.from({ length: 4 }, () => meet(server)));
        await Promise.all(
          clients.map(async (client, i) => {
            for (let n = 0; n < 100; n++) await ask(client, `${i}`.repeat(4000));
            client.close();
          }),
        );
        for (let left = 0; left < 4; ) {
          const line = await server.log();
          expect(line).toMatch(
            /^127\.0\.0\.1:\d+ (connected|disconnected: .+|sent "(hello\\n|(\d)\3*"… .+|\d*(\\n)?"))/,
          );
          if (/ disconnected: /.test(line)) left++;
        }
      }));
  }
});

describe.runIf(onLinux).concurrent('nothing is left behind', () => {
  for (const [step, count, ...args] of [
    ['thread4', 6],
    ['accept4', 20],
    ['pool4', 20, '--workers', '2'],
    ['thread9', 6],
    ['thread11', 6],
    ['./test/fixtures/clumsy.ts', 6],
  ] as [step: string, count: number, ...args: string[]][]) {
    test(
      `${step} has as many descriptors and threads after ${count} connections as before`,
      () =>
        serving(
          step,
          async (server) => {
            const { pid } = server.child;
            const visit = async () => {
              const said = step.startsWith('thread') ? request(step, 'hello') : 'hello\n';
              const answer = (await say(server, said)).replace(/^\* .*\n/gm, ''); // thread11 tells that users come and go.
              expect(answer).toBe(step.includes('clumsy') ? '' : 'hello\n');
            };
            await Promise.all([visit(), visit(), visit()]);
            if (step === 'accept4') {
              // Its last thread may start late: when four clients are served at once, all are there.
              for (const client of await company(server, 4)) client.close();
            }
            const before = await settled(pid);
            for (let i = 0; i < count; i++) await visit();
            const after = await settled(pid);
            expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
            expect(after.threads).toBeLessThanOrEqual(before.threads);
          },
          { args },
        ),
      LONG,
    );
  }

  test('a thread that throws ends its own client, and is logged', () =>
    serving('./test/fixtures/clumsy.ts', async (server) => {
      for (let i = 0; i < 3; i++) {
        const client = await Client.connect(server.port);
        expect(await client.rest()).toBe('');
        expect(await server.log()).toMatch(/^thread \d+ failed: Error: clumsy$/);
      }
    }));
});

describe.concurrent('no room for one more', () => {
  test.runIf(onLinux)('thread4 rejects a newcomer when descriptors run out, and serves on', () =>
    servingWithin(200, 'thread4', async (server) => {
      const clients: Client[] = [];
      let rejected = '';
      while (rejected === '') {
        const client = await Client.connect(server.port);
        await client.send('hello\n');
        const answer = await client.line().catch(() => '');
        if (answer === 'hello') clients.push(client);
        else rejected = await server.logged(/rejected/);
      }
      expect(rejected).toMatch(/^127\.0\.0\.1:\d+ rejected: no descriptors for one more thread: EMFILE$/);
      expect(clients.length).toBeGreaterThan(3);
      for (const client of clients) await ask(client, 'still here');
      clients.pop()?.close(); // Now there is room again.
      await server.logged(/ disconnected: /);
      await settled(server.child.pid);
      await meet(server);
    }),
  );

  /** Where memory runs out when it has been looked at so often. */
  const memoryFor = (times: number) => ({
    env: { ENOUGH_FOR: `${times}` },
    nodeArgs: ['--import', './test/fixtures/no-memory.ts'],
  });

  for (const [step, enough, threads] of [
    ['accept4', 0, 1], // the main thread
    ['accept4', 2, 3],
  ] as const) {
    test.runIf(onLinux)(`${step} serves with ${threads} of its 4 threads when memory runs out`, () =>
      serving(
        step,
        async (server) => {
          expect(await server.log()).toBe('Cannot start 4 threads: no memory for one more thread');
          await waits(server, await company(server, threads), 0);
        },
        memoryFor(enough),
      ),
    );
  }

  test.runIf(onLinux)('drain4 ends with one line when it can not start all of its threads', async () => {
    const { env, nodeArgs } = memoryFor(2);
    const file = runnable('src/threaded/drain4.ts', nodeArgs);
    const { exit, stderr } = await run(process.execPath, [...file, '--port', '0'], { env });
    expect(stderr).toBe('Cannot start 4 threads: no memory for one more thread\n');
    expect(exit).toBe(1);
  });

  for (const step of ['thread4', 'pool4']) {
    test.runIf(onLinux)(`${step} rejects a newcomer when memory runs out, and does not end`, () =>
      serving(
        step,
        async (server) => {
          for (let i = 0; i < 2; i++) {
            const client = await Client.connect(server.port);
            expect(await client.rest()).toBe('');
            expect(await server.log()).toMatch(/ rejected: no memory for one more thread$/);
          }
        },
        memoryFor(0),
      ),
    );
  }

  test.runIf(onLinux)('pool4 has a newcomer wait when memory runs out, but not for long', () =>
    serving(
      'pool4',
      async (server) => {
        const [first, second] = [await Client.connect(server.port), await Client.connect(server.port)];
        await second.send('and me?\n');
        await server.logged(/ has to wait: no memory for one more thread$/);
        await ask(first, 'hello');
        first.close();
        expect(await second.line()).toBe('and me?');
      },
      memoryFor(1),
    ),
  );
});

describe.concurrent('as many threads as --workers says', () => {
  for (const [step, workers] of [
    ['accept4', 4],
    ['pool4', 2],
  ] as const) {
    test(`${step} serves ${workers} clients, and the next one when one of them leaves`, () =>
      serving(step, async (server) => waits(server, await company(server, workers), 1), {
        args: ['--workers', `${workers}`],
      }));
  }
});

describe.concurrent('pool4', () => {
  test.runIf(onLinux)('pool4 starts a thread when none is free, and only then', () =>
    serving('pool4', async (server) => {
      const before = threads(server.child.pid);
      const visitors = 30;
      for (let i = 0; i < visitors; i++) {
        (await meet(server)).close();
        await server.logged(/ disconnected: /); // Its thread is on the way back to the queue: it is there soon, or already.
      }
      const few = threads(server.child.pid) - before;
      expect(few).toBeGreaterThanOrEqual(1);
      expect(few).toBeLessThan(visitors / 3);
      const clients = await Promise.all(Array.from({ length: 12 }, () => meet(server)));
      expect(threads(server.child.pid)).toBe(before + 12);
      for (const client of clients) client.close();
    }),
  );

  test('pool4 does as much as its queue holds, and more', () =>
    serving(
      'pool4',
      async (server) => {
        // 200 clients: 2 are served, 64 in the queue, one in the hands of the main thread, the rest in the kernel's.
        const clients = await Promise.all(Array.from({ length: 200 }, () => Client.connect(server.port)));
        await Promise.all(clients.map((client, i) => client.send(`${i}\n`)));
        for (const client of clients) client.end();
        expect(await Promise.all(clients.map((client) => client.rest()))).toEqual(
          clients.map((_, i) => `${i}\n`),
        );
      },
      { args: ['--workers', '2'] },
    ));
});

describe.concurrent('stopped', () => {
  for (const step of ['accept4', 'drain4']) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      test(`${step} is ended by ${signal}, with every thread serving a client`, () =>
        serving(step, async (server) => {
          const clients = await company(server, 4);
          expect(await server.stop(signal)).toBe(signal);
          for (const client of clients) expect(await client.rest()).toBe('');
        }));
    }
  }
});

describe.concurrent('drain4', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`drain4 --on-stop join accepts no client after ${signal}, and ends when the last user has left`, () =>
      serving(
        'drain4',
        async (server) => {
          const clients = await company(server, 2);
          server.kill(signal);
          expect(await server.logged(/stopping/)).toBe('stopping: join');
          await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED');
          for (const client of clients) {
            await ask(client, 'no hurry');
            client.close();
          }
          expect(await server.exited()).toBe(0);
        },
        { args: ['--on-stop', 'join'] },
      ));
  }

  test('drain4 is killed even if there is another handler, which would wait for the threads to end, as that of tsx does', () =>
    serving(
      'drain4',
      async (server) => {
        await meet(server);
        expect(await server.stop('SIGINT')).toBe('SIGINT');
      },
      { nodeArgs: ['--import', './test/fixtures/exits.mjs'] },
    ));

  test('drain4 --on-stop join is killed by a second Ctrl-C', () =>
    serving(
      'drain4',
      async (server) => {
        await meet(server);
        server.kill('SIGINT');
        await server.logged(/stopping/);
        expect(await server.stop('SIGINT')).toBe('SIGINT');
      },
      { args: ['--on-stop', 'join'] },
    ));

  test.runIf(onLinux)(
    'drain4 --on-stop drain ends every stream, and after three seconds cuts off a client that does not read',
    () =>
      serving(
        'drain4',
        async (server) => {
          const polite = await meet(server);
          const greedy = await Client.connect(server.port);
          greedy.socket.pause();
          await pour(greedy, Array(32_000).fill(`${'x'.repeat(1000)}\n`), {
            program: server,
            log: server.stdout,
          });
          await sitsInSend(server);
          const begin = performance.now();
          server.kill('SIGINT');
          expect(await polite.rest()).toBe('');
          expect(await server.logged(/ disconnected: /)).toMatch(/ end of stream$/);
          expect(await server.logged(/ disconnected: /)).toMatch(/ Error: send EPIPE$/);
          expect(await server.exited()).toBe(0);
          expect(performance.now() - begin).toBeGreaterThan(2900); // A thread that sits in send() has three seconds.
        },
        { args: ['--on-stop', 'drain'] },
      ),
  );
});

describe.runIf(onLinux).concurrent('prefork4', () => {
  test('prefork4 replaces a child that is killed, and the other clients notice nothing', () =>
    serving('prefork4', async (server) => {
      const { pid } = server.child;
      await until(() => children(pid).length === 4);
      const clients = await company(server, 3);
      const workers = clients.map((client) => whoServes(server, client));
      expect(new Set(workers).size).toBe(3);
      const [victim = 0] = workers;
      process.kill(victim, 'SIGKILL');
      expect(await clients[0]?.rest()).toBe('');
      expect(await server.logged(/^process/)).toBe(`process ${victim} ended: SIGKILL`);
      for (const client of clients.slice(1)) await ask(client, 'as if nothing had happened');
      await until(() => children(pid).length === 4 && !children(pid).includes(victim));
      clients.push(await meet(server), await meet(server)); // The fourth is there, and so is the replacement.
    }));

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    test(`prefork4 leaves no child behind when it is ended by ${signal}`, () =>
      serving('prefork4', async (server) => {
        await until(() => children(server.child.pid).length === 4);
        const client = await meet(server);
        const orphans = children(server.child.pid);
        expect(await server.stop(signal)).toBe(signal);
        expect(await client.rest()).toBe('');
        await until(() => orphans.every((pid) => !isAlive(pid)));
      }));
  }
});

/** Whether a process still runs: one that has ended may be listed until its parent asks for it. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
