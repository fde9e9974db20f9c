// TRACE, npm run trace, and strace beside it: a trace shows the calls that a step makes.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { root } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { Program } from '../src/behaviours/program.ts';
import { nodeOptions, runnable, Server } from '../src/behaviours/server.ts';
import type { SystemCall, TraceEvent } from '../src/sockets/trace-event.ts';
import { canTrace, onLinux, run, runScript, runsHere, serving, temporaryFolder, until } from './harness.ts';

const folder = temporaryFolder();

type Call = TraceEvent & Required<SystemCall>;

const eventsOf = (file: string): TraceEvent[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** The calls and waits that have begun and not ended, with their lines: `recv: const bytes = client.recv(4096);`. */
function unfinished(file: string): string[] {
  const last = new Map(eventsOf(file).map((event) => [`${event.pid} ${event.thread} ${event.id}`, event]));
  return Array.from(last.values(), (event) => {
    if ('took' in event) return [];
    const [path = '', line] = event.at?.split(':') ?? [];
    const text = path && readFileSync(join(root, path), 'utf8').split('\n')[Number(line) - 1];
    return `${'call' in event ? event.call : event.wait}: ${text?.replace(/ \/\/.*/, '').trim()}`;
  }).flat();
}

/** Waits until these calls and waits, and no others, have not ended. */
function shows(file: string, expected: string[]): Promise<void> {
  const look = () => expect(unfinished(file).sort()).toEqual([...expected].sort());
  return vi.waitFor(look, { timeout: PATIENCE, interval: 50 });
}

/** Runs a step while `use` runs. Hands it the calls that have returned, and the id of the step's first process. */
async function traced(step: string, use: (server: Server) => Promise<void>, args: string[] = []) {
  const file = join(folder, `${step}.jsonl`);
  writeFileSync(file, 'something older\n');
  const pid = await serving(step, (server) => use(server).then(() => server.child.pid), {
    args,
    env: { TRACE: file },
  });
  return { pid, calls: eventsOf(file).filter((event): event is Call => 'call' in event && 'took' in event) };
}

/** Connects a client, and waits for its first echo. */
async function greeted({ port }: { port: number }): Promise<Client> {
  const client = await Client.connect(port);
  await hello(client);
  return client;
}

async function hello(client: Client): Promise<void> {
  await client.send('hello\n');
  await client.expect('hello\n');
}

/** The idleness that is to be seen: some time longer than what is asked for below, for a thread that is late to wait. */
const idleness = () => sleep(500);

describe.concurrent('TRACE', () => {
  test('writes a line for each call: its name, when, how long, which thread and descriptor, and the result', async () => {
    const { pid, calls } = await traced('single3', async (server) => {
      const client = await Client.connect(server.port);
      await server.logged(/ connected$/);
      await idleness();
      await hello(client);
      client.reset();
      await Client.connect(server.port);
      await server.logged(/ connected$/); // The last connection is closed by now.
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
    expect(recv.took).toBeGreaterThan(90_000); // recv() slept while the client sent nothing.
  });

  test('with TRACE_LIGHT=1 leaves out the lines of code, and is written when a call is about to sleep', async () => {
    const file = join(folder, 'light.jsonl');
    await serving(
      'thread4',
      async (server) => {
        await greeted(server);
        await shows(file, ['accept: ', 'recv: ']);
      },
      { env: { TRACE: file, TRACE_LIGHT: '1' } },
    );
    expect(eventsOf(file).filter((event) => 'at' in event)).toEqual([]);
  });

  // Workers and child processes write to the file that the first thread of the first process has begun.
  for (const [step, elsewhere] of [
    ['pool4', /^own thread [1-9]/],
    ['prefork4', /^another thread 0$/],
  ] as const) {
    test(`shows that ${step} calls recv() in another thread or process, and when that sleeps`, async () => {
      const use = async (server: Server) => {
        for (let i = 0; i < 2; i++) {
          (await greeted(server)).close();
          await server.logged(/disconnected/);
          await idleness();
        }
      };
      const { pid, calls } = await traced(step, use, ['--workers', '1']);
      const callerOf = (call: Call) => `${call.pid === pid ? 'own' : 'another'} thread ${call.thread}`;
      const callersOf = (name: string) => calls.filter(({ call }) => call === name).map(callerOf);
      expect(callersOf('listen')).toEqual(['own thread 0']);
      const callers = new Set(callersOf('recv'));
      expect([...callers]).toEqual([expect.stringMatching(elsewhere)]);
      const own = calls.filter((call) => callers.has(callerOf(call)));
      const first = own.findIndex(({ call }) => call === 'close');
      const next = own.findIndex(({ call }, i) => i > first && call === 'recv');
      const slept = own.slice(first + 1, next).filter(({ took }) => took > 90_000);
      expect(slept.map(({ call }) => call)).toEqual([step === 'pool4' ? 'Atomics.wait' : 'accept']);
    });
  }

  const select = onLinux ? 'epoll_wait' : 'poll';
  const accept = 'accept: const [client, address] = listener.accept();';
  const recv = 'recv: const bytes = client.recv(4096);';

  test('shows where coroutines are suspended: in the functions that were spawned', async () => {
    const file = join(folder, 'generator6.jsonl');
    const use = async (server: Server) => {
      await greeted(server);
      const deaf = await Client.connect(server.port);
      deaf.socket.pause();
      const line = `${'x'.repeat(100_000)}\n`;
      const pouring = setInterval(() => deaf.socket.writableNeedDrain || deaf.socket.write(line), 1);
      await shows(file, [
        `${select}: for (const key of this.selector.select(Math.min(most, Math.max(0, due - performance.now())))) {`,
        "read: yield ['read', listener];",
        'read: const line = yield* client.recvLine();',
        'write: yield* client.sendLine(line);',
        "sleep: yield ['sleep', stats];",
      ]).finally(() => clearInterval(pouring));
    };
    await serving('generator6', use, { args: ['--quiet', '--stats', '60000'], env: { TRACE: file } });
  });

  test.runIf(onLinux)(
    "shows it before Node's loop sleeps for the guest that task6 is, not when it wakes",
    async () => {
      const file = join(folder, 'task6.jsonl');
      const use = async (server: Server) => {
        await greeted(server);
        await shows(file, [
          'node: ',
          "read: yield ['read', listener];",
          'read: const line = yield* client.recvLine();',
          "sleep: yield ['sleep', active + WARN_AFTER - performance.now()];",
          'join: yield* withGroup(function* (group) {',
          'join: yield* group.join();',
        ]);
      };
      const nodeArgs = ['--no-memory-reducer']; // It would wake the loop some seconds later.
      await serving('task6', use, { args: ['--warn-after', '3600'], nodeArgs, env: { TRACE: file } });
    },
  );

  const ways = ['--import tsx', ...(nodeOptions.length === 0 ? ['--no-warnings'] : [])];
  test.each(ways)('shows lines of the .ts file, in threads too, with node %s', async (way) => {
    const file = join(folder, `thread4 ${way}.jsonl`);
    const server = await Server.start(
      process.execPath,
      [...way.split(' '), 'src/threaded/thread4.ts', '--port', '0'],
      {
        ...{ cwd: root, env: { TRACE: file } },
      },
    );
    try {
      await greeted(server);
      await shows(file, [accept, recv]);
    } finally {
      await server.stop();
    }
  });

  for (const [step, ...args] of [['thread4'], ['prefork4', '--workers', '1']] as const) {
    test.runIf(existsSync('/dev/full'))(`to a full disk is one line at ${step}, which serves on`, () =>
      serving(
        step,
        async (server) => {
          for (let i = 0; i < 3; i++) (await greeted(server)).close();
          const line = 'Cannot write TRACE=/dev/full: ENOSPC, no more of it from here on\n';
          expect(server.stderr.waiting).toBe(line);
        },
        { args: [...args], env: { TRACE: '/dev/full' } },
      ),
    );
  }

  test('names its file in one line, and exits with 1, if it can not write it', async () => {
    const TRACE = '/no such folder/trace.jsonl';
    const { exit, stderr } = await run(process.execPath, runnable('src/single/single3.ts'), {
      env: { TRACE },
    });
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: `Cannot write TRACE=${TRACE}: ENOENT\n` });
  });
});

describe.concurrent('npm run trace', () => {
  const tracing = async (args: string[], use: (program: Program, port: number) => Promise<void>) => {
    const program = new Program(process.execPath, [...runnable('scripts/trace.ts'), ...args, '--port', '0']);
    try {
      await use(program, Number(/^listening on .*:(\d+)$/.exec(await program.stdout.line())?.[1]));
    } finally {
      await program.stop('SIGTERM');
    }
  };
  const recv = 'const bytes = client.recv(4096);';
  // That of single3 is in the test after these.
  const steps: Record<string, string[]> = {
    pool4: [
      'const [client, address] = listener.accept();',
      recv,
      'const [fd = -1, ...address] = queue.pop();',
    ],
    ring3: ['for (const operation of ring.wait()) {  ⏳ waits in io_uring_enter()'],
    generator6: [
      'for (const key of this.selector.select(',
      "yield ['read', listener];",
      'const line = yield* client.recvLine();',
      "yield ['sleep', stats];",
    ],
    await6: ["Node's own loop", 'await loop.readable(listener);', 'const line = await client.recvLine();'],
    prefork4: ["Node's own loop", 'const [client, address] = inherited.accept();', recv],
    callback6: ["Node's own loop"],
  };
  const options: Record<string, string[]> = {
    pool4: ['--workers', '2'],
    generator6: ['--stats', '60000'],
    prefork4: ['--workers', '2'],
  };
  for (const [step, waiting] of Object.entries(steps)) {
    test.runIf(runsHere(step))(`shows which lines of ${step} wait`, () =>
      tracing([step, ...(options[step] ?? [])], async ({ stdout }, port) => {
        const stays = await greeted({ port });
        if (step === 'pool4') (await greeted({ port })).close();
        const shown = () => stdout.waiting.split('\n').filter((line) => line.includes('⏳'));
        const isShown = (text: string) => shown().some((line) => line.includes(`  ${text}`));
        await stdout.until(waiting.join(' '), () => waiting.every(isShown));
        expect(stdout.waiting).not.toContain('\x1b'); // The output is not a terminal.
        stays.close();
      }),
    );
  }

  test('shows the time, the result and the connection of each call, folds short calls, and ends by Ctrl-C as the step does', () =>
    tracing(['single3'], async (program, port) => {
      const { stdout } = program;
      const time = '^ {2}\\d+\\.\\d{3} {2}single3\\.ts:\\d+ {2}';
      await stdout.lineLike(/^ {9}… .*setsockopt/);
      await stdout.lineLike(new RegExp(`${time}const \\[client, .*; {2}⏳ waits in accept\\(\\)$`));
      const client = await Client.connect(port);
      const accepted = await stdout.lineLike(new RegExp(`${time}✔ [\\d.]+ m?s, connection \\d+$`));
      const connection = /connection \d+/.exec(accepted)?.[0];
      const waits = new RegExp(
        `const bytes = client\\.recv\\(4096\\); {2}⏳ waits in recv\\(\\), ${connection}$`,
      );
      await stdout.lineLike(waits);
      await hello(client);
      await stdout.lineLike(/✔ [\d.]+ m?s, 6 bytes$/);
      await stdout.lineLike(waits);
      client.reset();
      await stdout.lineLike(/✘ [\d.]+ m?s, ECONNRESET$/);
      program.kill('SIGINT');
      expect(await program.exited()).toBe(130);
      await expect(Client.connect(port)).rejects.toThrow('ECONNREFUSED');
    }));

  test('shows all calls with --all, and ends by itself as the step does', () =>
    tracing(['single1', '--all'], async (program, port) => {
      (await greeted({ port })).close();
      // On a busy machine, a call may take so long that it is shown as a wait.
      const line = / single1\.ts:\d+ {2}/.source;
      await program.stdout.lineLike(
        new RegExp(`${line}const listener = listen\\(\\); {2}(listen, |⏳ waits in listen)`),
      );
      await program.stdout.lineLike(
        new RegExp(`${line}client.sendAll.* {2}(send, [\\d.]+ m?s, 6 bytes$|⏳ waits in send)`),
      );
      expect(await program.exited()).toBe(0);
    }));

  test('refuses in one line what it can not trace', async () => {
    for (const [args, message] of [
      [['singl3'], /\n\nUnknown step "singl3": did you mean single3\?\n$/], // below the list of steps
      [[], /^Cannot trace a step without its name: .+\n$/],
      [['single3', '--prot', '0'], /^Unknown option '--prot': .+\n$/],
    ] as [string[], RegExp][]) {
      const { exit, stderr } = await runScript('scripts/trace.ts', ...args);
      expect(exit).toBe(1);
      expect(stderr).toMatch(message);
    }
    const { exit, stdout } = await runScript('scripts/trace.ts', '--help');
    expect({ exit, stdout }).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^Usage: npm run trace STEP /),
    });
  });
});

describe.runIf(canTrace()).concurrent('strace', () => {
  test('shows one accept of single3 at a time, and a recvfrom that blocks while the client is idle', async () => {
    const file = join(folder, 'strace.txt');
    const step = [process.execPath, ...runnable('src/single/single3.ts'), '--port', '0'];
    const strace = new Program('strace', ['-f', '-e', 'trace=network', '-o', file, ...step], { group: true });
    const lines = () => readFileSync(file, 'utf8').split('\n');
    /** Waits until the last call has this name, and has not returned: a line of strace without a result. */
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
      expect([calls('accept'), calls('recvfrom')]).toEqual([1, 2]); // single3 has not accepted the second client.
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
