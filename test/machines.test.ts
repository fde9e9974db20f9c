// A chat on several machines: three servers, two of them of two processes, and a real Redis.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRedis, startRedis } from '../scripts/bench/redis.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Program } from '../src/behaviours/program.ts';
import { runnable, Server } from '../src/behaviours/server.ts';
import { listening, onLinux, run, serving, until } from './harness.ts';

const step = 'src/coroutine/await13.ts';
const BACK = '* back in touch: what others said meanwhile may be missing';

/** How long a machine that has died may stay on the list, in milliseconds. */
const LONGEST = 15_000;

let port = 0;
let redis: Program;
/** Two servers of two processes each, and one of one process. */
let servers: [Server, Server, Server];
/** The ports for browsers, one for each server. */
const pages: string[] = [];
const url = () => `redis://127.0.0.1:${port}`;

/** Starts a server of so many processes, and waits until all are in touch with Redis. */
async function startServer(processes: number): Promise<Server> {
  const args = [
    '--port',
    '0',
    '--web-port',
    '0',
    '--drain',
    '1',
    '--redis',
    url(),
    '--processes',
    `${processes}`,
  ];
  const server = await Server.start(process.execPath, [...runnable(step), ...args]);
  pages.push((await server.logged(/^web page at /)).slice('web page at '.length));
  for (let i = 0; i < processes; i++) await server.logged(/^in touch with Redis$/);
  return server;
}

function childrenOf(pid = 0): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** All processes of a server. */
function processesOf({ child: { pid = 0 } }: Server): number[] {
  return [pid, ...childrenOf(pid)];
}

/** Connects a user, and gives it a name. A process that is not in touch with Redis yet answers `try again`. */
async function enter({ port }: Server, name: string): Promise<Client> {
  let client = await Client.connect(port, { patience: LONGEST });
  for (let line = await client.line(); line === 'ERROR try again'; line = await client.line()) {
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 50)); // as a user would
    client = await Client.connect(port, { patience: LONGEST });
  }
  await client.send(`NICK ${name}\n`);
  await client.lineLike(new RegExp(`is now ${name}$`));
  return client;
}

/** One user of each server, each of whom has read that the others joined. */
async function trio(...names: [string, string, string]): Promise<[Client, Client, Client]> {
  const clients: Client[] = [];
  for (const [i, server] of servers.entries()) clients.push(await enter(server, names[i] as string));
  for (const client of clients.slice(0, -1)) await client.lineLike(new RegExp(`is now ${names[2]}$`));
  return clients as [Client, Client, Client];
}

async function leave(...clients: Client[]): Promise<void> {
  for (const client of clients) {
    await client.send('QUIT\n');
    await client.lineLike(/^BYE$/);
    client.close();
  }
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

describe.skipIf(!onLinux || !hasRedis)(
  'await13 on three machines, with redis-server',
  { timeout: 60_000 },
  () => {
    beforeAll(async () => {
      await listening(createServer(), async (free) => {
        port = free;
      });
      redis = await startRedis(port);
      servers = await Promise.all([startServer(2), startServer(2), startServer(1)]);
    }, 60_000);

    afterAll(async () => {
      for (const program of [...(servers ?? []), redis]) {
        program?.kill('SIGCONT');
        await program?.stop();
      }
    });

    test('lets 40 users say 100 lines each: each line once, and one order for all, the speaker too', async () => {
      const silent = await enter(servers[2], 'silent');
      const clients: Client[] = [];
      for (let i = 0; i < 40; i++) clients.push(await enter(servers[i % 2] as Server, `user${i}`));
      const all = [...clients, silent];
      for (const client of all) if (client !== clients[39]) await client.lineLike(/is now user39$/);
      // A speaker does not hear the line, but has no answer to the next command before the line has its place.
      for (const [who, client] of clients.entries()) {
        const lines = Array.from({ length: 100 }, (_, n) => `SAY ${who} says ${n}\nECHO ${who} says ${n}\n`);
        void client.send(lines.join(''));
      }
      const heard = await Promise.all(all.map((client) => linesOf(client, 4000)));
      const order = heard.pop() ?? [];
      for (const [who, lines] of heard.entries()) {
        const own = (line: string) => line.startsWith(`${who} says `);
        expect(order.filter(own)).toEqual(Array.from({ length: 100 }, (_, n) => `${who} says ${n}`));
        expect(lines.filter(own)).toEqual(order.filter(own));
        expect(lines.filter((line) => !own(line)).join()).toBe(order.filter((line) => !own(line)).join());
        const place = new Map(order.map((line, i) => [line, i]));
        for (const [i, line] of lines.entries())
          if (own(line)) expect(i).toBeGreaterThanOrEqual(place.get(line) ?? NaN);
      }
      expect(new Set(order).size).toBe(4000);
      await leave(...all);
    });

    test('has the rules of the chat, for users of different machines', async () => {
      const [one, two, three] = await trio('one', 'two', 'three');
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
      const four = await enter(servers[0], 'four');
      four.reset();
      for (const client of [two, three]) await client.lineLike(/^\* four left$/);
      expect(await answer(three, 'WHO')).toBe('WHO ONE two three');
      await leave(one, two, three);
    });

    test('gives a name back only if it is still that of its user', async () => {
      const [one, two, three] = await trio('one', 'two', 'three');
      const redisCli = (...args: string[]) =>
        spawnSync('redis-cli', ['-p', `${port}`, ...args], { encoding: 'utf8' }).stdout;
      redisCli('SET', 'chat:name:one', 'another'); // as if the lease had ended, and another user had come first
      await leave(one, two);
      expect(redisCli('MGET', 'chat:name:one', 'chat:name:two')).toBe('another\n\n');
      redisCli('DEL', 'chat:name:one');
      await leave(three);
    });

    test('gives a name that two want at once to one of them, a hundred times', async () => {
      const [one, two, three] = await trio('one', 'two', 'three');
      for (let i = 0; i < 100; i++) {
        const refused = await Promise.all(
          [one, two].map(async (client) => {
            await client.send(`NICK wanted${i}\nECHO done\n`);
            const lines: string[] = [];
            while (lines.at(-1) !== 'done') lines.push(await client.line());
            return lines.includes(`ERROR name taken: wanted${i}`);
          }),
        );
        expect(refused.sort(), `wanted${i}`).toEqual([false, true]);
        await three.lineLike(new RegExp(`is now wanted${i}$`));
      }
      expect(await answer(three, 'WHO')).toMatch(/^WHO (\S+ )?wanted99 (\S+ )?three$/);
      await leave(one, two, three);
    });

    test('answers try again while Redis is gone, sends no line twice, closes no connection, and tells of the gap', async () => {
      const [one, two, three] = await trio('one', 'two', 'three');
      const before = await answer(one, 'WHO');
      const count = 3000;
      void one.send(`${Array.from({ length: count }, (_, n) => `SAY ${n}\nECHO ${n}\n`).join('')}ECHO end\n`);
      await two.has('<one> 50\n');
      await redis.stop();
      const refused = refusedOf(await linesUntil(one, 'end'));
      expect(refused.length).toBeGreaterThan(0);
      for (const server of servers.slice(0, 2)) await server.logged(/^out of touch with Redis: /);
      for (const said of ['SAY lost', 'MSG two lost', 'NICK lost', 'WHO']) {
        expect(await answer(one, said)).toBe('ERROR try again');
      }
      const late = await Client.connect(servers[0].port);
      expect(await late.rest()).toBe('ERROR try again\n');
      redis = await startRedis(port);
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
      await leave(one, two, three);
    });

    for (const [how, milliseconds] of [
      ['for so short a time that the connections stay', 4000],
      ['for longer than names are kept', 13_000],
    ] as const) {
      test(`never delivers a line that it has answered with try again, when Redis stops ${how}, and goes on`, async () => {
        const [one, two, three] = await trio('one', 'two', 'three');
        const begin = performance.now();
        redis.kill('SIGSTOP');
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
        await leave(one, two, three);
      });
    }

    test('accepts a browser in each of its processes', async () => {
      expect(pages.length).toBe(3);
      for (const page of pages) expect(await (await fetch(page)).text()).toContain('WebSocket');
    });

    test('is in touch with Redis, however long it takes to connect', async () => {
      let connections = 0;
      const slow = createServer(async (client) => {
        // The first connection is to see whether Redis is there. The second takes longer than names are renewed after.
        if (++connections > 1) await new Promise((resolve) => setTimeout(resolve, 4000));
        const server = connect(port, '127.0.0.1');
        client.pipe(server).pipe(client);
        for (const socket of [client, server]) socket.on('error', () => {});
      });
      await listening(slow, (port) =>
        serving(
          'await13',
          async (server) => {
            await server.logged(/^in touch with Redis$/);
            const client = await enter(server, 'patient');
            await leave(client);
          },
          { args: ['--redis', `redis://127.0.0.1:${port}`] },
        ),
      );
    });

    test('replaces a process that has died', async () => {
      const children = () => childrenOf(servers[0].child.pid);
      const [dies, stays] = children();
      process.kill(dies as number, 'SIGKILL');
      await servers[0].logged(new RegExp(`^process ${dies} ended: SIGKILL$`));
      await servers[0].logged(/^in touch with Redis$/);
      expect(children().length).toBe(2);
      expect(children()).toContain(stays);
      expect(children()).not.toContain(dies);
    });

    test('takes the users of a machine that has died, or stands still, from the list, and tells that they have left', async () => {
      const [one, two, three] = await trio('one', 'two', 'three');
      const begin = performance.now();
      for (const pid of processesOf(servers[0])) process.kill(pid, 'SIGSTOP');
      for (const pid of processesOf(servers[1])) process.kill(pid, 'SIGKILL');
      expect(await answer(three, 'NICK two')).toBe('ERROR name taken: two');
      const left = [await three.line(), await three.line()];
      expect(performance.now() - begin).toBeLessThan(LONGEST);
      expect(left.sort()).toEqual(['* one left', '* two left']);
      expect(await answer(three, 'WHO')).toBe('WHO three');
      expect(await answer(three, 'NICK one')).toBe('* three is now one');

      // The one that stood still goes on, and finds that one of its names is taken. It does not give back what it does not hold.
      for (const pid of processesOf(servers[0])) process.kill(pid, 'SIGCONT');
      expect(await one.lineLike(/^\* one is now /)).toMatch(/guest\d+$/);
      const [, name] = /^\* (guest\d+) joined$/.exec(await three.line()) ?? [];
      expect(await answer(three, 'WHO')).toBe(`WHO ${name} one`);
      await leave(one);
      expect(await three.line()).toBe(`* ${name} left`);
      expect(await answer(three, `MSG one still here`)).toBe('-one- still here');
      await leave(three);
      two.close();
    });

    test('drains all its processes on SIGTERM, and gives back all names', async () => {
      const [stays, leaves] = [await enter(servers[2], 'stays'), await enter(servers[0], 'leaves')];
      await stays.lineLike(/is now leaves$/);
      servers[0].kill('SIGTERM');
      expect(await leaves.line()).toBe('* the server stops in 1 second');
      expect(await leaves.rest()).toBe('');
      expect(await servers[0].exited()).toBe(0);
      // At once, not when the lease ends:
      await stays.send('NICK leaves\n');
      expect(await stays.line()).toBe('* leaves left');
      expect(await stays.line()).toBe('* stays is now leaves');
    });
  },
);

describe('await13 says in one line what is not possible:', () => {
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
