// What the steps with threads and processes do, beyond the behaviours of all steps.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { ExpectationError, PATIENCE } from '../src/behaviours/inbox.ts';
import { pour } from '../src/behaviours/pour.ts';
import { runnable, Server, type ServerOptions } from '../src/behaviours/server.ts';
import { onLinux, request, run, say, serving, servingWithin, until } from './harness.ts';

/** What one of dozens of threads may take, milliseconds: they start one by one, and an idle machine takes 40 each. */
const LONG = 150_000;

/** Connects, and expects an echo. */
async function meet(server: Server, patience = PATIENCE): Promise<Client> {
  const client = await Client.connect(server.port, { patience });
  await ask(client, 'hello');
  return client;
}

async function ask(client: Client, word: string): Promise<void> {
  await client.send(`${word}\n`);
  expect(await client.line()).toBe(word);
}

/** Connects so many clients, one after the other, each with an echo. */
async function company(server: Server, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) clients.push(await meet(server));
  return clients;
}

const descriptors = (pid: number | undefined) => readdirSync(`/proc/${pid}/fd`).length;
const threads = (pid: number | undefined) => readdirSync(`/proc/${pid}/task`).length;

function children(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
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

/** The threads and descriptors of a process, when they have not changed for a while: threads take a moment to end. */
async function settled(pid: number | undefined): Promise<{ descriptors: number; threads: number }> {
  let [last, since] = ['', 0];
  await until(() => {
    const now = `${descriptors(pid)} ${threads(pid)}`;
    if (now !== last) [last, since] = [now, performance.now()];
    return performance.now() - since > 400;
  });
  return { descriptors: descriptors(pid), threads: threads(pid) };
}

describe.concurrent('many at once', () => {
  test(
    'thread4 serves 8, each in a thread of its own',
    () =>
      serving('thread4', async (server) => {
        const before = onLinux ? threads(server.child.pid) : 0;
        const clients = await Promise.all(Array.from({ length: 8 }, () => meet(server, LONG)));
        await Promise.all(clients.map((client, i) => ask(client, `I am ${i}`)));
        if (onLinux) expect(threads(server.child.pid)).toBe(before + 8);
      }),
    LONG,
  );

  for (const step of ['thread4', 'prefork4']) {
    test(`${step} never mixes two lines of its log`, () =>
      serving(step, async (server) => {
        const talk = async (client: Client, i: number) => {
          for (let n = 0; n < 100; n++) await ask(client, `${i}`.repeat(4000));
          client.close();
        };
        await Promise.all((await company(server, 4)).map(talk));
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
    ['thread4', 4],
    ['accept4', 20],
    ['pool4', 20, '--workers', '2'],
    ['thread11', 4],
    ['./test/fixtures/clumsy.ts', 4], // Each of its threads throws, which ends its own client, and is logged.
  ] as [step: string, count: number, ...args: string[]][]) {
    const isClumsy = step.includes('clumsy');
    test(
      `${step} has as many descriptors and threads after ${count} connections as before`,
      () =>
        serving(
          step,
          async (server) => {
            const { pid } = server.child;
            const visit = async () => {
              const answer = await say(server, isClumsy ? 'hello\n' : request(step, 'hello'));
              expect(answer.replace(/^\* .*\n/gm, '')).toBe(isClumsy ? '' : 'hello\n'); // thread11 tells who comes.
              if (isClumsy) expect(await server.log()).toMatch(/^thread \d+ failed: Error: clumsy$/);
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
});

describe.concurrent('no room for one more', () => {
  test.runIf(onLinux)('thread4 rejects a newcomer when descriptors run out, and serves on', () =>
    servingWithin(200, 'thread4', async (server) => {
      const clients: Client[] = [];
      let log = '';
      while (!log.includes('rejected')) {
        clients.push(await Client.connect(server.port));
        log = await server.logged(/ connected$|rejected/);
      }
      expect(log).toMatch(/^127\.0\.0\.1:\d+ rejected: no descriptors for one more thread: EMFILE$/);
      expect(await clients.pop()?.rest()).toBe('');
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

  const cannotStart = /^Cannot start 4 threads: no memory for one more thread$/;
  for (const [step, served, options, log] of [
    ['accept4', 4, { args: ['--workers', '4'] }],
    ['pool4', 2, { args: ['--workers', '2'] }],
    ['accept4', 1, memoryFor(0), cannotStart], // The main thread serves.
    ['accept4', 3, memoryFor(2), cannotStart],
    ['pool4', 1, memoryFor(1), / has to wait: no memory for one more thread$/],
  ] as [step: string, served: number, options: ServerOptions, log?: RegExp][]) {
    const cause = options.args?.join(' ') ?? 'no more memory';
    test.runIf(onLinux || !log)(`${step} serves ${served} with ${cause}, and the next when one leaves`, () =>
      serving(
        step,
        async (server) => {
          const [first, ...others] = await company(server, served);
          const next = await Client.connect(server.port);
          await next.send('and me?\n');
          if (log) await server.logged(log);
          for (let i = 0; i < 20; i++) {
            for (const client of [first, ...others]) await ask(client as Client, `${i}`);
            expect(next.waiting).toBe('');
          }
          first?.close();
          expect(await next.line()).toBe('and me?');
          for (const client of others) await ask(client, 'still here');
        },
        options,
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
  const hasProcesses = (step: string) => ['prefork4', 'multi6'].includes(step);
  for (const [step, signals, options] of [
    ['accept4', ['SIGTERM']],
    // Another handler would wait for the threads to end, as that of tsx does.
    ['drain4', ['SIGINT'], { nodeArgs: ['--import', './test/fixtures/exits.mjs'] }],
    ['prefork4', ['SIGINT', 'SIGKILL']],
    ['multi6', ['SIGTERM', 'SIGKILL'], { args: ['--processes', '4'] }],
  ] as [step: string, signals: NodeJS.Signals[], options?: ServerOptions][]) {
    for (const signal of signals) {
      test.runIf(onLinux || !hasProcesses(step))(
        `${step} is ended by ${signal}, with every thread or process serving a client, and leaves none behind`,
        () =>
          serving(
            step,
            async (server) => {
              const clients = await company(server, 4);
              const workers = onLinux ? children(server.child.pid) : [];
              if (hasProcesses(step)) expect(workers.length).toBe(4);
              expect(await server.stop(signal)).toBe(signal);
              for (const client of clients) expect(await client.rest()).toBe('');
              // A process that has ended may be listed until its parent asks for it, but runs no program: proc(5).
              await until(() => !workers.some((pid) => existsSync(`/proc/${pid}/exe`)));
            },
            options,
          ),
      );
    }
  }
});

describe.concurrent('stopped under tsx', () => {
  for (const [step, signal] of [
    ['accept4', 'SIGINT'],
    ['drain4', 'SIGTERM'],
  ] as const) {
    test(`${step} is ended by the first ${signal}`, async () => {
      const args = ['node_modules/.bin/tsx', `src/threaded/${step}.ts`, '--port', '0'];
      const server = await Server.start(process.execPath, args, { group: true });
      try {
        const client = await meet(server);
        server.child.kill(signal); // tsx passes it on.
        expect(await client.rest()).toBe('');
        await server.exited(); // The kernel may close the connection before the listener.
        await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED');
      } finally {
        await server.stop();
      }
    });
  }
});

describe.concurrent('drain4', () => {
  for (const [signal, second] of [['SIGTERM'], ['SIGINT', 'SIGINT']] as NodeJS.Signals[][]) {
    const end = second ? `is killed by a second ${second}` : 'ends when the last user has left';
    test(`drain4 --on-stop join accepts no client after ${signal}, and ${end}`, () =>
      serving(
        'drain4',
        async (server) => {
          const clients = await company(server, 2);
          server.kill(signal as NodeJS.Signals);
          expect(await server.logged(/stopping/)).toBe('stopping: join');
          await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED');
          for (const client of clients) {
            await ask(client, 'no hurry');
            if (!second) client.close();
          }
          expect(await (second ? server.stop(second) : server.exited())).toBe(second ?? 0);
        },
        { args: ['--on-stop', 'join'] },
      ));
  }

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
      const clients = await company(server, 4); // Each has a child to itself.
      const [victim = 0] = children(pid);
      process.kill(victim, 'SIGKILL');
      expect(await server.logged(/^process/)).toBe(`process ${victim} ended: SIGKILL`);
      await until(() => clients.some(({ ended }) => ended));
      const others = clients.filter(({ ended }) => !ended);
      expect(others.length).toBe(3);
      for (const client of others) await ask(client, 'as if nothing had happened');
      await meet(server); // The replacement is there: the others are busy.
      expect(children(pid).length).toBe(4);
      expect(children(pid)).not.toContain(victim);
    }));
});

describe.runIf(onLinux).concurrent('multi6', () => {
  /** How many connections to this port a process has: proc(5), /proc/net/tcp. */
  const served = (pid: number, port: number) => {
    const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const connections = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, address = '', , state]) => address.endsWith(local) && state === '01')
      .map((fields) => `socket:[${fields[9]}]`);
    return readdirSync(`/proc/${pid}/fd`).filter((fd) =>
      connections.includes(target(`/proc/${pid}/fd/${fd}`)),
    ).length;
  };

  function target(path: string): string {
    try {
      return readlinkSync(path);
    } catch {
      return ''; // closed since
    }
  }

  test('multi6 serves clients in each of its processes, and replaces a killed process, which cuts off its own clients alone', () =>
    serving(
      'multi6',
      async (server) => {
        const { pid } = server.child;
        const { port } = server;
        await until(() => children(pid).length === 2);
        const processes = children(pid);
        const clients: Client[] = [];
        while (clients.length < 1000 && processes.some((child) => served(child, port) === 0)) {
          clients.push(await meet(server));
        }
        const [victim = 0] = processes;
        const lost = served(victim, port);
        expect(lost).toBeGreaterThan(0);
        expect(lost).toBeLessThan(clients.length);
        process.kill(victim, 'SIGKILL');
        expect(await server.logged(/^process/)).toBe(`process ${victim} ended: SIGKILL`);
        await until(() => clients.filter(({ ended }) => ended).length === lost);
        for (const client of clients) if (!client.ended) await ask(client, 'as if nothing had happened');
        await until(() => children(pid).length === 2);
        expect(children(pid)).not.toContain(victim);
      },
      { args: ['--processes', '2'] },
    ));
});

describe.concurrent('a thread that dies', () => {
  /** A heap of this many MB is soon full. */
  const mortal = {
    env: { NODE_OPTIONS: `--max-old-space-size=64 --import ${runnable('./test/fixtures/dies.ts').at(-1)}` },
  };
  const noMemory = '(Error .*ERR_WORKER_OUT_OF_MEMORY.*|exit code 1)$'; // see dies.ts
  const obituary = new RegExp(`^127\\.0\\.0\\.1:\\d+ disconnected: its thread has died: ${noMemory}`);

  test('leaves nothing behind at thread10: its client is closed, and the others are served', () =>
    serving(
      'thread10',
      async (server) => {
        const other = await Client.connect(server.port);
        await other.send('ECHO hello\n');
        expect(await other.line()).toBe('hello');
        const open = onLinux ? await settled(server.child.pid) : undefined;
        for (let i = 0; i < 2; i++) {
          const client = await Client.connect(server.port);
          await client.send('ECHO die\n');
          expect(await client.rest()).toBe('');
          expect(await server.logged(/ disconnected: /)).toMatch(obituary);
        }
        if (open) expect(await settled(server.child.pid)).toEqual(open);
        await other.send('ECHO still here\n');
        expect(await other.line()).toBe('still here');
      },
      mortal,
    ));

  for (const [step, workers] of [
    ['accept4', 2], // The main thread is one of them, and lives on.
    ['drain4', 1],
    ['pool4', 1],
  ] as const) {
    test(`is replaced at ${step}, and its client is closed, whether it has no memory left, or throws`, () =>
      serving(
        step,
        async (server) => {
          for (const [word, why] of [
            ['die', new RegExp(`^thread \\d+ has died: ${noMemory}`)],
            ['throw', /^thread \d+ has died: Error: thrown$/],
          ] as const) {
            const clients = await company(server, workers);
            for (const client of clients) {
              await client.send(`${word}\n`);
              client.end();
            }
            for (const client of clients) await client.rest();
            expect(await server.logged(/ died: /)).toMatch(why);
          }
          await company(server, workers);
        },
        { ...mortal, args: ['--workers', `${workers}`] },
      ));
  }

  test('gives back the mutex at thread11, and its user leaves the room', () =>
    serving(
      'thread11',
      async (server) => {
        const [one, two] = [await Client.connect(server.port), await Client.connect(server.port)];
        for (const client of [one, two]) await client.has('* welcome, ');
        await two.send('SAY die\n');
        await one.lineLike(/^\* guest\d left$/);
        await two.rest();
        expect(await server.logged(/ disconnected: /)).toMatch(obituary);
        const three = await Client.connect(server.port);
        await three.lineLike(/^\* welcome, guest3$/);
        await three.send('SAY hello\nWHO\n');
        expect(await one.lineLike(/hello/)).toBe('<guest3> hello');
        expect(await three.line()).toMatch(/^WHO guest\d guest3$/);
      },
      mortal,
    ));
});
