// What the steps with threads and processes do, beyond the behaviours of all steps.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { ExpectationError, PATIENCE } from '../src/behaviours/inbox.ts';
import { pour } from '../src/behaviours/pour.ts';
import { runnable, type Server } from '../src/behaviours/server.ts';
import { limitDescriptors, onLinux, run, say, serving, until } from './harness.ts';

/** Connects, and expects an echo. */
async function meet(server: Server): Promise<Client> {
  const client = await Client.connect(server.port);
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

/** Clients at once: no two lines of the log may mix. */
async function talkAtOnce(server: Server, clients: Client[]): Promise<void> {
  const talk = async (client: Client, i: number) => {
    for (let n = 0; n < 100; n++) await ask(client, `${i}`.repeat(4000));
    client.close();
  };
  await Promise.all(clients.map(talk));
  for (let left = 0; left < clients.length; ) {
    const line = await server.log();
    expect(line).toMatch(
      /^127\.0\.0\.1:\d+ (connected|disconnected: .+|sent "(hello\\n|(\d)\3*"… .+|\d*(\\n)?"))/,
    );
    if (/ disconnected: /.test(line)) left++;
  }
}

/** After some visits, a server has no more threads and descriptors than before. */
async function keepsNothing(server: Server, visit: () => Promise<void>, visits = 4): Promise<void> {
  if (!onLinux) return;
  const before = await settled(server.child.pid);
  for (let i = 0; i < visits; i++) await visit();
  const after = await settled(server.child.pid);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
}

const visiting = (server: Server) => async () => {
  expect(await say(server, 'hello\n')).toBe('hello\n');
  await server.logged(/ disconnected: /);
};

/** The next client waits until one of these leaves. */
async function waitsForOneOf([first, ...others]: Client[], server: Server): Promise<Client> {
  const next = await Client.connect(server.port);
  await next.send('and me?\n');
  for (let i = 0; i < 20; i++) {
    for (const client of [first, ...others]) await ask(client as Client, `${i}`);
    expect(next.waiting).toBe('');
  }
  first?.close();
  expect(await next.line()).toBe('and me?');
  for (const client of others) await ask(client, 'still here');
  return next;
}

/** With this, a step finds memory for a thread (1), or none (0), at each look. The last digit stands for all looks after it. */
const memory = (looks: string) => ({
  env: { LOOKS: looks },
  nodeArgs: ['--import', './test/fixtures/no-memory.ts'],
});

/** With this, a thread can die. A heap of so many MB is soon full. */
const mortal = {
  env: { NODE_OPTIONS: `--max-old-space-size=64 --import ${runnable('./test/fixtures/dies.ts').at(-1)}` },
};
const noMemory = '(Error .*ERR_WORKER_OUT_OF_MEMORY.*|exit code 1)$'; // see dies.ts
const obituary = new RegExp(`^127\\.0\\.0\\.1:\\d+ disconnected: its thread has died: ${noMemory}`);

/** The death of a thread closes its client, and another thread takes its place, whether it has no memory left, or throws. */
async function replacesThreads(server: Server, workers: number): Promise<void> {
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
  for (const client of await company(server, workers)) client.close();
}

/** Ends a server by a signal. Its clients see the end, and none of its processes is left. */
async function ends(server: Server, signal: NodeJS.Signals, clients: Client[]): Promise<void> {
  const workers = onLinux ? children(server.child.pid) : [];
  expect(await server.stop(signal)).toBe(signal);
  for (const client of clients) expect(await client.rest()).toBe('');
  // A process that has ended may be listed until its parent asks for it, but runs no program: proc(5).
  await until(() => !workers.some((pid) => existsSync(`/proc/${pid}/exe`)));
}

describe.concurrent('thread4', () => {
  test('thread4 serves each client in a thread of its own, keeps nothing of a client that has left, never mixes two lines of its log, and rejects a newcomer when memory or descriptors run out', () =>
    serving(
      'thread4',
      async (server) => {
        const { pid } = server.child;
        if (onLinux) {
          const client = await Client.connect(server.port);
          expect(await client.rest()).toBe('');
          expect(await server.log()).toMatch(/ rejected: no memory for one more thread$/);
        }
        const before = onLinux ? threads(pid) : 0;
        const clients = await company(server, 4);
        if (onLinux) expect(threads(pid)).toBe(before + 4);
        await talkAtOnce(server, clients);
        await keepsNothing(server, visiting(server));
        if (!onLinux) return;

        limitDescriptors(server, 128 + 15); // It starts no thread with less than 128 to spare.
        const served: Client[] = [];
        for (let log = ''; !log.includes('rejected'); ) {
          served.push(await Client.connect(server.port));
          log = await server.logged(/ connected$|rejected/);
          if (log.includes('rejected')) expect(log).toMatch(/: no descriptors for one more thread: EMFILE$/);
        }
        expect(await served.pop()?.rest()).toBe('');
        expect(served.length).toBeGreaterThan(1);
        for (const client of served) await ask(client, 'still here');
        served.pop()?.close(); // Now there is room again.
        await server.logged(/ disconnected: /);
        await settled(pid);
        await meet(server);
      },
      onLinux ? memory('01') : {},
    ));

  test('a thread that throws leaves nothing behind', () =>
    serving('./test/fixtures/clumsy.ts', async (server) => {
      const visit = async () => {
        expect(await say(server, 'hello\n')).toBe('');
        expect(await server.log()).toMatch(/^thread \d+ failed: Error: clumsy$/);
      };
      await visit();
      await keepsNothing(server, visit);
    }));
});

describe.concurrent('accept4', () => {
  test('accept4 serves as many as it has threads, and the next when one leaves, keeps nothing of those who have left, replaces a thread that dies, and is ended by SIGTERM', () =>
    serving(
      'accept4',
      async (server) => {
        // The main thread is one of them, and lives on.
        const clients = await company(server, 2);
        for (const client of [...clients, await waitsForOneOf(clients, server)]) client.close();
        await keepsNothing(server, visiting(server));
        await replacesThreads(server, 2);
        await ends(server, 'SIGTERM', await company(server, 2));
      },
      { ...mortal, args: ['--workers', '2'] },
    ));

  test.runIf(onLinux)('accept4 serves with the threads that it has memory for', () =>
    serving(
      'accept4',
      async (server) => {
        await server.logged(/^Cannot start 4 threads: no memory for one more thread$/);
        await waitsForOneOf(await company(server, 3), server);
      },
      memory('110'),
    ),
  );
});

describe.concurrent('pool4', () => {
  test.runIf(onLinux)('pool4 starts a thread when none is free, and only then', () =>
    serving('pool4', async (server) => {
      const before = threads(server.child.pid);
      const visitors = 12;
      for (let i = 0; i < visitors; i++) {
        (await meet(server)).close();
        await server.logged(/ disconnected: /); // Its thread is on the way back to the queue: it is there soon, or already.
      }
      const few = threads(server.child.pid) - before;
      expect(few).toBeGreaterThanOrEqual(1);
      expect(few).toBeLessThan(visitors / 2);
      await Promise.all(Array.from({ length: visitors / 2 }, () => meet(server)));
      expect(threads(server.child.pid)).toBe(before + visitors / 2);
    }),
  );

  test('pool4 serves --workers clients, and the next when one leaves, as many as its queue holds, and more, keeps nothing of those who have left, and replaces a thread that dies', () =>
    serving(
      'pool4',
      async (server) => {
        const clients = await company(server, 2);
        for (const client of [...clients, await waitsForOneOf(clients, server)]) client.close();
        // 2 are served, 64 in the queue, one in the hands of the main thread, the rest in the kernel's.
        const crowd = await Promise.all(Array.from({ length: 100 }, () => Client.connect(server.port)));
        await Promise.all(crowd.map((client, i) => client.send(`${i}\n`)));
        for (const client of crowd) client.end();
        expect(await Promise.all(crowd.map((client) => client.rest()))).toEqual(
          crowd.map((_, i) => `${i}\n`),
        );
        await keepsNothing(server, visiting(server));
        await replacesThreads(server, 1);
        await company(server, 2);
      },
      { ...mortal, args: ['--workers', '2'] },
    ));

  test.runIf(onLinux)(
    'pool4 rejects a newcomer when there is no memory for its first thread, and has it wait when there is none for its second',
    () =>
      serving(
        'pool4',
        async (server) => {
          const rejected = await Client.connect(server.port);
          expect(await rejected.rest()).toBe('');
          expect(await server.log()).toMatch(/ rejected: no memory for one more thread$/);
          const served = await waitsForOneOf([await meet(server)], server);
          await server.logged(/ has to wait: no memory for one more thread$/);
          await ask(served, 'still here');
        },
        memory('010'),
      ),
  );
});

describe.concurrent('drain4', () => {
  test('drain4 replaces a thread that dies. With --on-stop join, it accepts no client after SIGTERM, and ends when the last user has left', () =>
    serving(
      'drain4',
      async (server) => {
        await replacesThreads(server, 1);
        const client = await meet(server);
        server.kill('SIGTERM');
        expect(await server.logged(/stopping/)).toBe('stopping: join');
        await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED');
        await ask(client, 'no hurry');
        client.close();
        expect(await server.exited()).toBe(0);
      },
      { ...mortal, args: ['--on-stop', 'join', '--workers', '1'] },
    ));

  test('drain4 --on-stop join is ended by a second signal', () =>
    serving(
      'drain4',
      async (server) => {
        const clients = await company(server, 2);
        server.kill('SIGINT');
        expect(await server.logged(/stopping/)).toBe('stopping: join');
        for (const client of clients) await ask(client, 'no hurry');
        await ends(server, 'SIGINT', clients);
      },
      { args: ['--on-stop', 'join', '--workers', '2'] },
    ));

  test.runIf(onLinux)(
    'drain4 --on-stop drain ends every stream, and after three seconds cuts off a client that does not read',
    () =>
      serving(
        'drain4',
        async (server) => {
          const polite = await meet(server);
          const greedy = await Client.connect(server.port, { keepsLittle: true });
          greedy.socket.pause();
          await pour(greedy, Array(3000).fill(`${'x'.repeat(1000)}\n`), {
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
        { args: ['--on-stop', 'drain', '--workers', '2'] },
      ),
  );

  test.runIf(onLinux)('drain4 ends with one line when it can not start all of its threads', async () => {
    const { env, nodeArgs } = memory('10');
    const file = runnable('src/threaded/drain4.ts', nodeArgs);
    const { exit, stderr } = await run(process.execPath, [...file, '--port', '0'], { env });
    expect(stderr).toBe('Cannot start 4 threads: no memory for one more thread\n');
    expect(exit).toBe(1);
  });
});

describe.runIf(onLinux).concurrent('processes', () => {
  test('prefork4 replaces a child that is killed, and the other clients notice nothing; it never mixes two lines of its log; SIGINT ends all children', () =>
    serving(
      'prefork4',
      async (server) => {
        const { pid } = server.child;
        const clients = await company(server, 3); // Each has a child to itself.
        const [victim = 0] = children(pid);
        process.kill(victim, 'SIGKILL');
        expect(await server.logged(/^process/)).toBe(`process ${victim} ended: SIGKILL`);
        await until(() => clients.some(({ ended }) => ended));
        const others = clients.filter(({ ended }) => !ended);
        expect(others.length).toBe(2);
        for (const client of others) await ask(client, 'as if nothing had happened');
        others.push(await meet(server)); // The replacement is there: the others are busy.
        expect(children(pid).length).toBe(3);
        expect(children(pid)).not.toContain(victim);
        server.stdout.forget();
        await talkAtOnce(server, others);
        await ends(server, 'SIGINT', await company(server, 3));
      },
      { args: ['--workers', '3'] },
    ));

  test('multi6 serves clients in each of its processes, and replaces a killed process, which cuts off its own clients alone; when its parent is killed, all end', () =>
    serving(
      'multi6',
      async (server) => {
        const { port } = server;
        const { pid } = server.child;
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
        const left = clients.filter(({ ended }) => !ended);
        for (const client of left) await ask(client, 'as if nothing had happened');
        await until(() => children(pid).length === 2);
        expect(children(pid)).not.toContain(victim);
        await ends(server, 'SIGKILL', left);
      },
      { args: ['--processes', '2'] },
    ));

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
});

describe.concurrent('a thread that dies', () => {
  test('leaves nothing behind at thread10: its client is closed, and the others are served', () =>
    serving(
      'thread10',
      async (server) => {
        const other = await Client.connect(server.port);
        await other.send('ECHO hello\n');
        expect(await other.line()).toBe('hello');
        await keepsNothing(
          server,
          async () => {
            const client = await Client.connect(server.port);
            await client.send('ECHO die\n');
            expect(await client.rest()).toBe('');
            expect(await server.logged(/ disconnected: /)).toMatch(obituary);
          },
          2,
        );
        await other.send('ECHO still here\n');
        expect(await other.line()).toBe('still here');
      },
      mortal,
    ));

  test('gives back the mutex at thread11, and its user leaves the room; nothing is left of a user who has left', () =>
    serving(
      'thread11',
      async (server) => {
        const one = await Client.connect(server.port);
        await one.has('* welcome, ');
        await keepsNothing(server, async () => {
          expect(await say(server, 'ECHO hello\n')).toMatch(/\nhello\n$/);
        });
        const two = await Client.connect(server.port);
        await two.has('* welcome, ');
        await two.send('SAY die\n');
        await one.lineLike(/^\* guest6 left$/);
        await two.rest();
        expect(await server.logged(/ died: /)).toMatch(obituary);
        const three = await Client.connect(server.port);
        await three.lineLike(/^\* welcome, guest7$/);
        await three.send('SAY hello\nWHO\n');
        expect(await one.lineLike(/hello/)).toBe('<guest7> hello');
        expect(await three.line()).toBe('WHO guest1 guest7');
      },
      mortal,
    ));
});
