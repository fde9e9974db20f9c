// A chat on several machines: servers of one process or more, and a real Redis for each room.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hasRedis, startRedis } from '../scripts/bench/redis.ts';
import { Client } from '../src/behaviours/client.ts';
import { freePort } from '../src/behaviours/foreign.ts';
import type { Program } from '../src/behaviours/program.ts';
import { runnable, Server } from '../src/behaviours/server.ts';
import { listening, onLinux, run, serving, until } from './harness.ts';

const step = 'src/coroutine/await13.ts';
const BACK = '* back in touch: what others said meanwhile may be missing';

/** How long a machine that has died may stay on the list, in milliseconds. */
const LONGEST = 20_000;

/** Machines, each of so many processes, and the Redis that keeps their room. */
class Machines {
  readonly #port: number;
  readonly #users: Client[] = [];
  redis!: Program;
  servers: Server[] = [];
  /** The pages for browsers, one for each machine. */
  pages: string[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  static async start(...processes: number[]): Promise<Machines> {
    const machines = new Machines(await freePort());
    await machines.startRedis();
    machines.servers = await Promise.all(processes.map((count) => machines.#startServer(count)));
    return machines;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async startRedis(): Promise<void> {
    this.redis = await startRedis(this.#port);
  }

  /** Returns when all its processes are in touch with Redis. */
  async #startServer(processes: number): Promise<Server> {
    const options = `--port 0 --web-port 0 --drain 1 --redis ${this.url} --processes ${processes}`;
    const server = await Server.start(process.execPath, [...runnable(step), ...options.split(' ')]);
    this.pages.push((await server.logged(/^web page at /)).slice('web page at '.length));
    for (let i = 0; i < processes; i++) await server.logged(/^in touch with Redis$/);
    return server;
  }

  /** What Redis answers to this command. */
  ask(...command: string[]): string {
    return spawnSync('redis-cli', ['-p', `${this.#port}`, ...command], { encoding: 'utf8' }).stdout;
  }

  /** Connects a user to a machine, and gives it a name. */
  async enter(machine: number, name: string): Promise<Client> {
    const client = await enter(this.servers[machine] as Server, name);
    this.#users.push(client);
    return client;
  }

  /** Connects a user for each of these names, to the machines in turns. All have read that the others joined. */
  async enterAll<Names extends string[]>(...names: Names): Promise<{ [Name in keyof Names]: Client }> {
    const users: Client[] = [];
    for (const [i, name] of names.entries()) users.push(await this.enter(i % this.servers.length, name));
    for (const user of users.slice(0, -1)) await user.lineLike(new RegExp(`is now ${names.at(-1)}$`));
    return users as { [Name in keyof Names]: Client };
  }

  /** Disconnects all users, and waits until they have left the room. */
  async empty(): Promise<void> {
    for (const user of this.#users.splice(0)) user.close();
    while (this.ask('ZCARD', 'chat:users') !== '0\n')
      await new Promise((resolve) => setTimeout(resolve, 100));
  }

  async stop(): Promise<void> {
    for (const program of [...this.servers, this.redis]) await program.stop();
  }
}

function childrenOf({ child: { pid } }: Server): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

type Three = [one: Client, two: Client, three: Client];

/** Connects a user, and gives it a name. A process that is not in touch with Redis yet answers `try again`. */
async function enter({ port }: Server, name: string): Promise<Client> {
  let client = await Client.connect(port);
  for (let line = await client.line(); line === 'ERROR try again'; line = await client.line()) {
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 50)); // as a user would
    client = await Client.connect(port);
  }
  await client.send(`NICK ${name}\n`);
  expect(await client.lineLike(/ is now |^ERROR /)).toMatch(new RegExp(`is now ${name}$`));
  return client;
}

/** As many lines, without the names of their speakers. */
async function linesOf(client: Client, count: number): Promise<string[]> {
  let size = 0;
  const complete = () => client.received !== size && client.waiting.split('\n').length > count;
  await client.until(`${count} lines`, () => {
    const isComplete = complete();
    size = client.received;
    return isComplete;
  });
  const lines = client.waiting.replace(/^<\w+> /gm, '').split('\n');
  client.forget();
  expect(lines.pop()).toBe('');
  expect(lines.length).toBe(count);
  return lines;
}

/** All lines up to this one. */
async function linesUntil(client: Client, last: string): Promise<string[]> {
  const lines: string[] = [];
  for (let line = await client.line(); line !== last; line = await client.line()) lines.push(line);
  return lines;
}

/** The numbers of the lines that were refused. An ECHO of its number follows each line. */
function refusedOf(answers: string[]): number[] {
  const isRefused = (_: string, i: number) => answers[i - 1] === 'ERROR try again';
  return answers.filter(isRefused).map(Number);
}

/** The answer to this line. */
async function answer(client: Client, line: string): Promise<string> {
  await client.send(`${line}\n`);
  return client.line();
}

describe.skipIf(!onLinux || !hasRedis)('await13, with redis-server,', () => {
  describe.concurrent('on two machines, one of two processes,', () => {
    let machines: Machines;
    beforeAll(async () => {
      machines = await Machines.start(2, 1);
    });
    afterEach(() => machines.empty());
    afterAll(() => machines?.stop());

    test.sequential('lets ten users say 40 lines each: each line once, and one order for all, the speaker too', async () => {
      const USERS = 10;
      const LINES = 40;
      const all = await machines.enterAll(...Array.from({ length: USERS }, (_, i) => `user${i}`), 'silent');
      // A speaker does not hear the line, but has no answer to the next command before the line has its place.
      for (const [who, client] of all.slice(0, USERS).entries()) {
        const lines = Array.from(
          { length: LINES },
          (_, n) => `SAY ${who} says ${n}\nECHO ${who} says ${n}\n`,
        );
        void client.send(lines.join(''));
      }
      const heard = await Promise.all(all.map((client) => linesOf(client, USERS * LINES)));
      const order = heard.pop() ?? [];
      for (const [who, lines] of heard.entries()) {
        const own = (line: string) => line.startsWith(`${who} says `);
        expect(order.filter(own)).toEqual(Array.from({ length: LINES }, (_, n) => `${who} says ${n}`));
        expect(lines.filter(own)).toEqual(order.filter(own));
        expect(lines.filter((line) => !own(line)).join()).toBe(order.filter((line) => !own(line)).join());
        const place = new Map(order.map((line, i) => [line, i]));
        for (const [i, line] of lines.entries())
          if (own(line)) expect(i).toBeGreaterThanOrEqual(place.get(line) ?? NaN);
      }
      expect(new Set(order).size).toBe(USERS * LINES);
    });

    test.sequential('has the rules of the chat, for users of different machines', async () => {
      const [one, two, three] = await machines.enterAll('one', 'two', 'three');
      for (const [line, expected] of [
        ['WHO', 'WHO one two three'],
        ['NICK', 'ERROR missing name'],
        ['NICK two words', 'ERROR bad name: two words'],
        ['NICK TWO', 'ERROR name taken: TWO'],
        ['NICK one', 'ERROR name taken: one'],
        ['SAY', 'ERROR missing text'],
        ['MSG zed hello', 'ERROR no such user: zed'],
        ['MSG \x1bzed hello', 'ERROR no such user: ?zed'],
        ['MSG two', 'ERROR missing text'],
        ['MSG one to myself', '-one- to myself'],
        ['SHOUT', 'ERROR unknown command: SHOUT'],
      ] as const) {
        expect(await answer(one, line)).toBe(expected);
      }
      await one.send('MSG TWO psst\nSAY  hello, \x1b \u03a9orld \n');
      expect([await two.line(), await two.line()]).toEqual(['-one- psst', '<one>  hello, ? \u03a9orld ']);
      expect(await three.line()).toBe('<one>  hello, ? \u03a9orld ');
      expect(await answer(one, 'NICK ONE')).toBe('* one is now ONE');
      (await machines.enter(0, 'four')).reset();
      for (const client of [two, three]) await client.lineLike(/^\* four left$/);
      expect(await answer(three, 'WHO')).toBe('WHO ONE two three');
      await three.send('QUIT\n');
      expect(await three.rest()).toBe('BYE\n');
      expect(await two.line()).toBe('* three left');
    });

    test.sequential('gives a name back only if it is still that of its user', async () => {
      await machines.enterAll('one', 'two');
      machines.ask('SET', 'chat:name:one', 'another'); // as if the lease had ended, and another user had come first
      await machines.empty();
      expect(machines.ask('MGET', 'chat:name:one', 'chat:name:two')).toBe('another\n\n');
      machines.ask('DEL', 'chat:name:one');
    });

    test.sequential('gives a name to one of two users who ask for it at the same time, twenty times', async () => {
      const [one, two, three] = await machines.enterAll('one', 'two', 'three');
      for (let i = 0; i < 20; i++) {
        const refused = await Promise.all(
          [one, two].map(async (client) => {
            await client.send(`NICK wanted${i}\nECHO done\n`);
            return (await linesUntil(client, 'done')).includes(`ERROR name taken: wanted${i}`);
          }),
        );
        expect(refused.sort(), `wanted${i}`).toEqual([false, true]);
        await three.lineLike(new RegExp(`is now wanted${i}$`));
      }
      expect(await answer(three, 'WHO')).toMatch(/^WHO (\S+ )?wanted19 (\S+ )?three$/);
    });

    test.sequential('answers try again without Redis, sends no line twice, closes no connection, and reports the gap', async () => {
      const [one, two, three] = await machines.enterAll('one', 'two', 'three');
      const [first, second] = machines.servers as [Server, Server];
      const before = await answer(one, 'WHO');
      const count = 2000;
      void one.send(`${Array.from({ length: count }, (_, n) => `SAY ${n}\nECHO ${n}\n`).join('')}ECHO end\n`);
      await two.has('<one> 50\n');
      await machines.redis.stop();
      const refused = refusedOf(await linesUntil(one, 'end'));
      expect(refused.length).toBeGreaterThan(0);
      for (const server of [first, first, second]) await server.logged(/^out of touch with Redis: /);
      for (const said of ['SAY lost', 'MSG two lost', 'NICK lost', 'WHO']) {
        expect(await answer(one, said)).toBe('ERROR try again');
      }
      const late = await Client.connect(first.port);
      expect(await late.rest()).toBe('ERROR try again\n');
      await machines.startRedis();
      expect(await one.line()).toBe(BACK);
      for (const client of [two, three]) {
        const heard = (await linesUntil(client, BACK)).map((line) => Number(line.replace('<one> ', '')));
        expect(heard).toEqual(Array.from({ length: heard.length }, (_, n) => n));
        // What was under way when Redis ended may have reached some, and not others. It is one line of each user at most.
        expect(refused.filter((n) => n < heard.length).length).toBeLessThanOrEqual(1);
        expect(heard.length).toBeGreaterThanOrEqual(count - refused.length - 1);
      }
      expect(await answer(one, 'WHO')).toBe(before);
      await one.send('SAY found\n');
      for (const client of [two, three]) expect(await client.line()).toBe('<one> found');
      expect(await answer(three, 'NICK One')).toBe('ERROR name taken: One');
    });

    test.sequential('is in touch with Redis, however long it takes to connect', async () => {
      let connections = 0;
      const slow = createServer(async (client) => {
        // The first connection is to see whether Redis is there. The second takes longer than names are renewed after.
        if (++connections > 1) await new Promise((resolve) => setTimeout(resolve, 4000));
        const server = connect(Number(new URL(machines.url).port), '127.0.0.1');
        client.pipe(server).pipe(client);
        for (const socket of [client, server]) socket.on('error', () => {});
      });
      await listening(slow, (port) =>
        serving(
          'await13',
          async (server) => {
            await server.logged(/^in touch with Redis$/);
            (await enter(server, 'patient')).close();
          },
          { args: ['--redis', `redis://127.0.0.1:${port}`] },
        ),
      );
    });

    test.sequential('accepts a browser on each of its machines', async () => {
      expect(machines.pages.length).toBe(2);
      for (const page of machines.pages) expect(await (await fetch(page)).text()).toContain('WebSocket');
    });

    test.sequential('replaces a process that has died', async () => {
      const [server] = machines.servers as [Server];
      const [dies, stays] = childrenOf(server);
      process.kill(dies as number, 'SIGKILL');
      await server.logged(new RegExp(`^process ${dies} ended: SIGKILL$`));
      await server.logged(/^in touch with Redis$/);
      expect(childrenOf(server).length).toBe(2);
      expect(childrenOf(server)).toContain(stays);
      expect(childrenOf(server)).not.toContain(dies);
    });

    // The last test of these machines: it ends the first one.
    test.sequential('drains all its processes on SIGTERM, and gives back all names', async () => {
      const [leaves, stays] = await machines.enterAll('leaves', 'stays');
      machines.servers[0]?.kill('SIGTERM');
      expect(await leaves.line()).toBe('* the server stops in 1 second');
      expect(await leaves.rest()).toBe('');
      expect(await machines.servers[0]?.exited()).toBe(0);
      // At once, not when the lease ends:
      await stays.send('NICK leaves\n');
      expect(await stays.line()).toBe('* leaves left');
      expect(await stays.line()).toBe('* stays is now leaves');
    });
  });

  // These tests wait for seconds, while the others run.
  test.concurrent('on three machines, never delivers a line that it has answered with try again, when Redis stops, and goes on; removes the users of a machine that has died, or is stopped, and tells the others that they have left', async () => {
    const machines = await Machines.start(1, 1, 1);
    try {
      const users = await machines.enterAll('one', 'two', 'three');
      await survivesStops(machines, users);
      await survivesDeaths(machines, users);
    } finally {
      await machines.stop();
    }
  });

  async function survivesStops({ redis }: Machines, [one, two, three]: Three): Promise<void> {
    // For so short a time that the connections stay, and for longer than names are kept.
    for (const milliseconds of [4000, 13_000]) {
      redis.kill('SIGSTOP');
      const begin = performance.now();
      // What has been sent lies in a buffer, and Redis reads it as soon as it goes on.
      expect(await answer(one, 'SAY lost')).toBe('ERROR try again');
      expect(await answer(one, 'SAY lost, too')).toBe('ERROR try again');
      expect(await answer(two, 'NICK lost')).toBe('ERROR try again');
      await until(() => performance.now() - begin > milliseconds);
      redis.kill('SIGCONT');
      for (const client of [one, two, three]) expect(await client.line()).toBe(BACK);
      await one.send('SAY found\n');
      for (const client of [two, three]) expect(await client.line()).toBe('<one> found');
      expect(await answer(three, 'WHO')).toBe('WHO one two three');
    }
  }

  async function survivesDeaths({ servers }: Machines, [one, , three]: Three): Promise<void> {
    const begin = performance.now();
    servers[0]?.kill('SIGSTOP');
    servers[1]?.kill('SIGKILL');
    expect(await answer(three, 'NICK two')).toBe('ERROR name taken: two');
    const left = [await three.line(), await three.line()];
    expect(performance.now() - begin).toBeLessThan(LONGEST);
    expect(left.sort()).toEqual(['* one left', '* two left']);
    expect(await answer(three, 'WHO')).toBe('WHO three');
    expect(await answer(three, 'NICK one')).toBe('* three is now one');

    // The one that stood still goes on, and finds that one of its names is taken. It does not give back what it does not hold.
    servers[0]?.kill('SIGCONT');
    expect(await one.lineLike(/^\* one is now /)).toMatch(/guest\d+$/);
    const [, name] = /^\* (guest\d+) joined$/.exec(await three.line()) ?? [];
    expect(await answer(three, 'WHO')).toBe(`WHO ${name} one`);
    one.close();
    expect(await three.line()).toBe(`* ${name} left`);
    expect(await answer(three, 'MSG one still here')).toBe('-one- still here');
  }
});

describe.concurrent('await13 says in one line what is not possible:', () => {
  const withoutLibrary = `export const resolve = (name, context, next) => {
    if (name === 'redis') throw Object.assign(new Error(name), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(name, context);
  };`;
  const hook = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(withoutLibrary)}`)});`;
  for (const [options, problem, nodeArgs] of [
    [
      '--processes 2',
      /^Cannot use --processes 2 without --redis: each process would have a room of its own$/,
    ],
    ['--redis redis://127.0.0.1:1', /^Cannot reach Redis at 127\.0\.0\.1:1: ECONNREFUSED$/],
    ['--redis http://localhost', /^Cannot use --redis "http:\/\/localhost": .+$/],
    [
      '--redis redis://127.0.0.1:1 --processes 2 --status-port 0',
      /^Cannot use --status-port with --processes 2: .+$/,
    ],
    [
      '--redis redis://127.0.0.1:1',
      /^Cannot use --redis: its library is not installed; npm install redis does that$/,
      ['--import', `data:text/javascript,${encodeURIComponent(hook)}`],
    ],
  ] as const) {
    test(`${options}${nodeArgs ? ', without the library' : ''}`, async () => {
      const args = [...(nodeArgs ?? []), ...runnable(step), '--port', '0', ...options.split(' ')];
      const { exit, stdout, stderr } = await run(process.execPath, args);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
      expect(stderr.trimEnd()).toMatch(problem);
    });
  }
});
