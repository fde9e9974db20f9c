// Level 12 over real TCP: the server stops an offender, and others notice nothing. limits.test.ts tests limits without sockets.

import { type EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import type { Server } from '../src/behaviours/server.ts';
import { listening, onLinux, run, runScript, serving } from './harness.ts';

const steps = [...findSteps().keys()].filter((step) => step.endsWith('12'));

type WebClient = EventEmitter & { send(message: string): void };
const { WebSocket } = createRequire(import.meta.url)('ws') as {
  WebSocket: new (url: string) => WebClient;
};

/** Connects a user, and reads its name. */
async function enter({ port }: { port: number }): Promise<{ client: Client; name: string }> {
  const client = await Client.connect(port, { notices: true });
  const line = await client.lineLike(/^\* welcome, /);
  return { client, name: line.slice('* welcome, '.length) };
}

/** Sends a line, and expects its echo: the server serves this client. */
async function echo(client: Client, text: string): Promise<void> {
  await client.send(`ECHO ${text}\n`);
  await client.expect(`${text}\n`);
}

type Answer = [status: number, text: string];

/** Runs a step with these options, and with a status port. */
function limited(
  step: string,
  options: string,
  use: (server: Server, get: (path: string) => Promise<Answer>, webPort: number) => Promise<void>,
): Promise<void> {
  const args = ['--status-port', '0', ...options.split(' ').filter(Boolean)];
  return serving(
    step,
    async (server) => {
      const web = options.includes('--web-port') ? await server.logged(/^web page at /) : '';
      const address = (await server.logged(/^status on /)).replace('status on ', '');
      const get = async (path: string): Promise<Answer> => {
        const response = await fetch(`http://${address}${path}`);
        return [response.status, await response.text()];
      };
      await use(server, get, Number(/:(\d+)\/$/.exec(web)?.[1]));
    },
    { args },
  );
}

/** A number in the answer to GET /metrics, 0 if it is not there. */
function metric([, text]: Answer, name: string): number {
  const line = text.split('\n').find((line) => line.startsWith(`chat_${name} `)) ?? '0';
  return Number(line.split(' ').at(-1));
}

const refused = (why: string) => `refused_total{reason="${why}"}`;

describe.concurrent('level 12', () => {
  for (const step of steps) {
    test(`${step} refuses a line that is too long, and answers those before it`, () =>
      limited(step, '', async (server, get) => {
        const [bystander, offender] = [await enter(server), await enter(server)];
        await echo(offender.client, 'x'.repeat(4096 - 'ECHO '.length));
        // More lines than the server answers in a row: some wait when the last one is seen to be too long.
        const lines = Array.from({ length: 150 }, (_, i) => `${i}\n`);
        await offender.client.send(lines.map((line) => `ECHO ${line}`).join('') + 'x'.repeat(10_000));
        await offender.client.expect(`${lines.join('')}ERROR line too long\n`);
        await offender.client.expectEnd();
        expect(await server.logged(/ dismissed: /)).toMatch(/^127.0.0.1:\d+ dismissed: line too long$/);
        await bystander.client.lineLike(new RegExp(`^\\* ${offender.name} left$`));
        await echo(bystander.client, 'still here');
        expect(metric(await get('/metrics'), refused('line too long'))).toBe(1);
      }));

    test(`${step} closes on a line that trickles, and on an idle client, but waits for a client that types slowly`, () =>
      limited(step, '--line-timeout 8 --idle-timeout 9', async (server, get) => {
        const begin = performance.now();
        const [slow, trickle, idle] = [await enter(server), await enter(server), await enter(server)];
        const types = async (client: Client, text: string) => {
          for (const byte of text) {
            await client.send(byte);
            await sleep(100);
            if (client.ended) return;
          }
        };
        await Promise.all([
          (async () => {
            for (let i = 0; i < 8; i++) {
              await types(slow.client, 'ECHO a\n');
              await slow.client.expect('a\n');
            }
          })(),
          types(trickle.client, 'x'.repeat(600)),
          (async () => {
            await trickle.client.expect('ERROR line timeout\n');
            await trickle.client.expectEnd();
            expect(performance.now() - begin).toBeGreaterThan(7900);
          })(),
          (async () => {
            await idle.client.expect('ERROR idle timeout\n');
            await idle.client.expectEnd();
            expect(performance.now() - begin).toBeGreaterThan(8900);
          })(),
        ]);
        await echo(slow.client, 'still here');
        const metrics = await get('/metrics');
        for (const why of ['line timeout', 'idle timeout']) expect(metric(metrics, refused(why))).toBe(1);
        // The two offenders have not closed their connections: the server has.
        for (let clients = 3; clients !== 1; await sleep(100))
          clients = metric(await get('/metrics'), 'clients');
      }));

    test(`${step} cuts off a user who reads too little; another user receives all lines, in order`, () =>
      limited(step, '--max-owed 65536 --stall-timeout 0', async (server, get) => {
        const [deaf, speaker, listener] = [await enter(server), await enter(server), await enter(server)];
        deaf.client.socket.pause();
        const lines = Array.from({ length: 300 }, (_, i) => `${i} `.padEnd(4000, 'x'));
        void speaker.client.send(lines.map((line) => `SAY ${line}\n`).join(''));
        for (const line of lines) await listener.client.expect(`<${speaker.name}> ${line}\n`);
        expect(await server.logged(/ cut off: /)).toMatch(/ cut off: owed too much$/);
        await speaker.client.lineLike(new RegExp(`^\\* ${deaf.name} left$`));
        await echo(speaker.client, 'still here');
        expect(metric(await get('/metrics'), refused('owed too much'))).toBe(1);
      }));

    test(`${step} reads no more from a client that does not read, and cuts it off; a slow reader gets every byte`, () =>
      limited(step, '--stall-timeout 6', async (server, get) => {
        const [deaf, slow] = [await enter(server), await enter(server)];
        deaf.client.socket.pause();
        void deaf.client.send(`ECHO ${'x'.repeat(4000)}\n`.repeat(4000));
        const lines = Array.from({ length: 1000 }, (_, i) => `${i} `.padEnd(4000, 'x'));
        void slow.client.send(lines.map((line) => `ECHO ${line}\n`).join(''));
        slow.client.socket.on('data', async () => {
          slow.client.socket.pause();
          await sleep(100); // a piece every 100 ms: it reads for longer than the stall timeout
          slow.client.socket.resume();
        });
        for (const line of lines) await slow.client.expect(`${line}\n`);
        expect(await server.logged(/ cut off: /)).toMatch(/ cut off: stalled$/);
        await deaf.client.until('the end', () => deaf.client.ended);
        const metrics = await get('/metrics');
        expect(metric(metrics, refused('stalled'))).toBe(1);
        expect(metric(metrics, 'received_bytes_total')).toBeLessThan(8_000_000);
        expect(metric(metrics, 'owed_bytes')).toBe(0);
      }));

    test.runIf(onLinux)(`${step} accepts so many clients, and so many of one address`, () =>
      limited(step, '--max-clients 3 --max-per-address 2', async (server, get) => {
        const from = async (localAddress: string) => {
          const socket = connect({ port: server.port, host: '127.0.0.1', localAddress });
          const [line] = await once(socket, 'data');
          return { line: `${line}`, socket };
        };
        const one = await enter(server);
        const two = await from('127.0.0.1');
        const third = await from('127.0.0.1');
        expect(third.line).toBe('ERROR too many connections\n');
        if (!third.socket.closed) await once(third.socket, 'close');
        expect((await from('127.0.0.2')).line).toMatch(/^\* welcome, /);
        expect((await from('127.0.0.3')).line).toBe('ERROR full\n');
        await echo(one.client, 'still here');
        expect(await server.logged(/ refused: /)).toMatch(/^127.0.0.1:\d+ refused: too many connections$/);
        expect(await server.logged(/ refused: /)).toMatch(/^127.0.0.3:\d+ refused: full$/);
        const metrics = await get('/metrics');
        for (const why of ['too many connections', 'full']) expect(metric(metrics, refused(why))).toBe(1);
        expect([metric(metrics, 'accepted_total'), metric(metrics, 'clients')]).toEqual([3, 3]);
        two.socket.destroy();
        while (metric(await get('/metrics'), 'clients') > 2) await sleep(50);
        expect((await from('127.0.0.3')).line).toMatch(/^\* welcome, /);
      }),
    );

    test(`${step} answers what had arrived before SIGTERM, accepts no new client, and exits with 0`, () =>
      limited(step, '--drain 30', async (server, get) => {
        expect(await get('/health')).toEqual([200, 'ok\n']);
        const users = await Promise.all(Array.from({ length: 8 }, () => enter(server)));
        const said = Array.from({ length: 400 }, (_, i) => i);
        await Promise.all(
          users.map(({ client }) => client.send(said.map((i) => `SAY ${i}\nECHO ${i}\n`).join(''))),
        );
        server.kill('SIGTERM');
        await Promise.all(
          users.map(async ({ client, name }) => {
            const next = new Map(users.map((user) => [user.name, 0]));
            for (let lines = 0; lines < 8 * said.length; ) {
              const line = await client.line();
              if (line.startsWith('* ')) continue;
              const [, speaker = name, text] = /^(?:<(.+)> )?(\d+)$/.exec(line) ?? [];
              expect(`${speaker} ${text}`).toBe(`${speaker} ${next.get(speaker)}`);
              next.set(speaker, Number(text) + 1);
              lines++;
            }
          }),
        );
        expect(await get('/health')).toEqual([503, 'stopping\n']);
        await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED');
        for (const { client } of users) await client.send('QUIT\n');
        expect(await server.exited()).toBe(0);
        for (const { client } of users) await client.lineLike(/^BYE$/);
      }));

    test(`${step} loses no line of honest users in a drill, and keeps nothing of the offenders`, async () => {
      const { stdout, exit } = await runScript('scripts/drill.ts', step, '--seconds', '2', '--seed', '3');
      expect(stdout).toMatch(/6 honest users received \d+ lines: none lost\n$/);
      expect(exit).toBe(0);
    });

    test(`${step} closes the connections that are left when the time is over, and exits with 0`, () =>
      serving(
        step,
        async (server) => {
          const { client } = await enter(server);
          const begin = performance.now();
          server.kill('SIGINT');
          expect(await client.line()).toBe('* the server stops in 1 second');
          await client.expectEnd();
          expect(await server.exited()).toBe(0);
          expect(performance.now() - begin).toBeGreaterThan(990);
          expect(await server.logged(/ disconnected: |^stopped/)).toMatch(/: closed by the protocol$/);
        },
        { args: ['--drain', '1'] },
      ));

    test(`${step} with --drain 0 waits until the last client has left; a second signal ends it at once`, async () => {
      for (const [first, second] of [
        ['SIGTERM', undefined],
        ['SIGINT', 'SIGTERM'],
      ] as const) {
        await serving(
          step,
          async (server) => {
            const { client } = await enter(server);
            server.kill(first);
            expect(await client.line()).toBe('* the server stops when all have left');
            await echo(client, 'still here');
            if (second) server.kill(second);
            else client.close();
            expect(await server.exited()).toBe(second ?? 0);
          },
          { args: ['--drain', '0'] },
        );
      }
    });

    test(`${step} drops the lines of a log that is not read, counts them, and goes on`, () =>
      limited(step, '', async (server, get) => {
        const { client } = await enter(server);
        server.child.stdout?.pause();
        for (let i = 0; i < 1000; i++) await echo(client, `${i} `.padEnd(800, 'x'));
        expect(metric(await get('/metrics'), 'log_lines_dropped_total')).toBeGreaterThan(0);
      }));

    test(`${step} has the same limits for browsers, on --web-port`, () =>
      limited(step, '--web-port 0 --line-timeout 1', async (server, get, port) => {
        const { client: bystander } = await enter(server);
        const trickle = await Client.connect(port);
        await trickle.send('GET / HT');
        await trickle.expectEnd();
        expect(metric(await get('/metrics'), refused('line timeout'))).toBe(1);
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
        const closed = once(socket, 'close');
        await once(socket, 'open');
        const answers: string[] = [];
        socket.on('message', (answer) => answers.push(`${answer}`));
        for (let i = 0; i < 150; i++) socket.send('ECHO x');
        socket.send(`ECHO ${'x'.repeat(4091)}`);
        socket.send('x'.repeat(4097));
        expect((await closed)[0]).toBe(1009);
        expect(answers.filter((answer) => /^x/.test(answer)).length).toBe(151);
        expect(answers.at(-1)).toBe('ERROR line too long');
        await bystander.lineLike(/^\* guest2 left$/);
        await echo(bystander, 'still here');
        expect(metric(await get('/metrics'), refused('line too long'))).toBe(1);
      }));

    test.runIf(onLinux)(`${step} does not wake for a hundred idle clients`, () =>
      serving(
        step,
        async (server) => {
          await Promise.all(Array.from({ length: 100 }, () => enter(server)));
          const wakeUps = () =>
            Number(
              /^voluntary_ctxt_switches:\s+(\d+)/m.exec(
                readFileSync(`/proc/${server.child.pid}/status`, 'utf8'),
              )?.[1],
            );
          await sleep(500); // until nothing is left to be done
          const before = wakeUps();
          await sleep(1000);
          expect(wakeUps() - before).toBeLessThan(5);
        },
        { args: ['--quiet'] },
      ),
    );
  }

  test('the status has two pages, and one clear line says why its port can not be opened', () =>
    limited('select12', '', async (server, get) => {
      expect((await get('/'))[0]).toBe(404);
      const [status, text] = await get('/metrics');
      expect(status).toBe(200);
      for (const line of text.trimEnd().split('\n')) {
        expect(line).toMatch(/^(# (HELP|TYPE) chat_\w+ .+|chat_\w+(\{reason=".+"\})? \d+)$/);
      }
      await listening(createServer(), async (port) => {
        const taken = await run(process.execPath, [
          ...server.child.spawnargs.slice(1, -2),
          `--status-port=${port}`,
        ]);
        expect(taken).toMatchObject({
          stderr: `Cannot listen on 127.0.0.1:${port}: EADDRINUSE, address already in use: end that server, or take another port with --status-port\n`,
          exit: 1,
        });
      });
    }));
});
