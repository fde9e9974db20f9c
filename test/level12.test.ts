// Level 12 over real TCP: the server stops an offender, and others notice nothing. limits.test.ts tests limits without sockets.

import { type EventEmitter, once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { findSteps } from '../scripts/steps.ts';
import { Client } from '../src/behaviours/client.ts';
import { PATIENCE } from '../src/behaviours/inbox.ts';
import { runnable, type Server } from '../src/behaviours/server.ts';
import { listening, onLinux, run, runScript, serving, sleeps } from './harness.ts';

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

/** Runs a step with these options, and a status port. */
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
    test(`${step} sleeps while clients are idle, drops what its log has no room for, refuses a line that is too long, of a browser, too, and answers what had arrived before SIGTERM`, () =>
      limited(step, '--web-port 0 --drain 30', async (server, get, webPort) => {
        const idle = await Promise.all(Array.from({ length: 20 }, () => enter(server)));
        if (onLinux) await sleeps(server);
        for (const { client } of idle) client.close();
        expect(await get('/health')).toEqual([200, 'ok\n']);
        expect((await get('/'))[0]).toBe(404);
        const bystander = await enter(server);

        server.child.stdout?.pause();
        for (let i = 0; i < 500; i++) await echo(bystander.client, `${i} `.padEnd(800, 'x'));
        server.child.stdout?.resume();
        expect(metric(await get('/metrics'), 'log_lines_dropped_total')).toBeGreaterThan(0);

        const offender = await enter(server);
        await echo(offender.client, 'x'.repeat(4096 - 'ECHO '.length));
        // More lines than the server answers in a row: some wait when the last one is seen to be too long.
        const lines = Array.from({ length: 150 }, (_, i) => `${i}\n`);
        await offender.client.send(lines.map((line) => `ECHO ${line}`).join('') + 'x'.repeat(10_000));
        await offender.client.expect(`${lines.join('')}ERROR line too long\n`);
        await offender.client.expectEnd();
        expect(await server.logged(/ dismissed: /)).toMatch(/^127.0.0.1:\d+ dismissed: line too long$/);
        await bystander.client.lineLike(new RegExp(`^\\* ${offender.name} left$`));

        const socket = new WebSocket(`ws://127.0.0.1:${webPort}/`);
        const closed = once(socket, 'close');
        const answers: string[] = [];
        socket.on('message', (answer) => answers.push(`${answer}`));
        await once(socket, 'open');
        for (let i = 0; i < 150; i++) socket.send('ECHO x');
        socket.send(`ECHO ${'x'.repeat(4091)}`);
        socket.send('x'.repeat(4097));
        expect((await closed)[0]).toBe(1009);
        expect(answers.filter((answer) => /^x/.test(answer)).length).toBe(151);
        expect(answers.at(-1)).toBe('ERROR line too long');
        await bystander.client.lineLike(new RegExp(`^${answers[0]?.replace('* welcome,', '\\*')} left$`));
        await echo(bystander.client, 'still here');
        const [, metrics] = await get('/metrics');
        expect(metric([200, metrics], refused('line too long'))).toBe(2);
        for (const line of metrics.trimEnd().split('\n')) {
          expect(line).toMatch(/^(# (HELP|TYPE) chat_\w+ .+|chat_\w+(\{reason=".+"\})? \d+)$/);
        }
        bystander.client.close();

        const users = await Promise.all(Array.from({ length: 4 }, () => enter(server)));
        const said = Array.from({ length: 400 }, (_, i) => i);
        const all = said.map((i) => `SAY ${i}\nECHO ${i}\n`).join('');
        await Promise.all(users.map(({ client }) => client.send(all)));
        server.kill('SIGTERM');
        await Promise.all(
          users.map(async ({ client, name }) => {
            const next = new Map(users.map((user) => [user.name, 0]));
            for (let count = 0; count < users.length * said.length; ) {
              const line = await client.line();
              if (line.startsWith('* ')) continue;
              const [, speaker = name, text] = /^(?:<(.+)> )?(\d+)$/.exec(line) ?? [];
              expect(`${speaker} ${text}`).toBe(`${speaker} ${next.get(speaker)}`);
              next.set(speaker, Number(text) + 1);
              count++;
            }
          }),
        );
        expect(await get('/health')).toEqual([503, 'stopping\n']);
        await expect(Client.connect(server.port)).rejects.toThrow('ECONNREFUSED');
        for (const { client } of users) await client.send('QUIT\n');
        for (const { client } of users) await client.lineLike(/^BYE$/);
        expect(await server.exited()).toBe(0);
      }));

    test(`${step} closes on a line that trickles, of a browser, too, and on an idle client, but waits for a client that types slowly; a second signal ends it at once`, () =>
      limited(
        step,
        '--line-timeout 8 --idle-timeout 9 --web-port 0 --drain 0',
        async (server, get, webPort) => {
          const descriptors = () =>
            onLinux ? readdirSync(`/proc/${server.child.pid}/fd`).length : -Infinity;
          const before = descriptors();
          const begin = performance.now();
          const [slow, trickle, idle] = [await enter(server), await enter(server), await enter(server)];
          const browser = await Client.connect(webPort);
          const types = async (client: Client, text: string) => {
            for (const byte of text) {
              await client.send(byte);
              await sleep(100);
              if (client.ended) return;
            }
          };
          await browser.send('GET / HT');
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
              await browser.expectEnd();
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
          expect(metric(metrics, refused('line timeout'))).toBe(2);
          expect(metric(metrics, refused('idle timeout'))).toBe(1);
          // The two offenders have not closed their connections: the server has.
          while (metric(await get('/metrics'), 'clients') !== 1) await sleep(100);
          while (descriptors() > before + 1) {
            await echo(slow.client, 'still here'); // lest it is idle until the connections of get() are closed, too
            await sleep(100);
          }
          server.kill('SIGINT');
          await slow.client.lineLike(/^\* the server stops when all have left$/);
          await echo(slow.client, 'still here');
          server.kill('SIGTERM');
          expect(await server.exited()).toBe('SIGTERM');
        },
      ));

    test(`${step} cuts off a user who reads too little, and one whose answers wait, of whom it reads no more; a slow reader gets every byte; with --drain 0, it ends when the last user has left`, () =>
      limited(step, '--max-owed 200000 --stall-timeout 10 --drain 0', async (server, get) => {
        const [deaf, speaker, listener] = [await enter(server), await enter(server), await enter(server)];
        deaf.client.socket.pause();
        const said = Array.from({ length: 500 }, (_, i) => `${i} `.padEnd(4000, 'x'));
        void speaker.client.send(said.map((line) => `SAY ${line}\n`).join(''));
        for (const line of said) await listener.client.expect(`<${speaker.name}> ${line}\n`);
        expect(await server.logged(/ cut off: /)).toMatch(/ cut off: owed too much$/);
        await speaker.client.lineLike(new RegExp(`^\\* ${deaf.name} left$`));

        const [stalled, slow] = [await enter(server), await enter(server)];
        stalled.client.socket.pause();
        const much = 16_000_000;
        void stalled.client.send(`ECHO ${'x'.repeat(3994)}\n`.repeat(much / 4000));
        const lines = Array.from({ length: 600 }, (_, i) => `${i} `.padEnd(4000, 'x'));
        void slow.client.send(lines.map((line) => `ECHO ${line}\n`).join(''));
        slow.client.socket.on('data', async () => {
          slow.client.socket.pause();
          await sleep(20);
          slow.client.socket.resume();
        });
        for (const line of lines) await slow.client.expect(`${line}\n`);
        expect(await server.logged(/ cut off: /)).toMatch(/ cut off: stalled$/);
        await stalled.client.until('the end', () => stalled.client.ended);
        const metrics = await vi.waitFor(
          async () => {
            const metrics = await get('/metrics');
            expect(metric(metrics, 'owed_bytes')).toBe(0); // Users who are there learn of those who have left.
            return metrics;
          },
          { timeout: PATIENCE },
        );
        for (const why of ['owed too much', 'stalled']) expect(metric(metrics, refused(why))).toBe(1);
        expect(metric(metrics, 'received_bytes_total')).toBeLessThan(much);

        server.kill('SIGTERM');
        for (const { client } of [speaker, listener, slow]) {
          await client.lineLike(/^\* the server stops when all have left$/);
          await echo(client, 'still here');
        }
        for (const { client } of [speaker, listener, slow]) client.close();
        expect(await server.exited()).toBe(0);
      }));

    test.runIf(onLinux)(
      `${step} accepts so many clients, and so many of one address, and closes the connections that are left when the time to drain is over`,
      () =>
        limited(step, '--max-clients 3 --max-per-address 2 --drain 1', async (server, get) => {
          const from = async (localAddress: string) => {
            const socket = connect({ port: server.port, host: '127.0.0.1', localAddress });
            const [line] = await once(socket, 'data');
            return { line: `${line}`, socket };
          };
          const { client } = await enter(server);
          const two = await from('127.0.0.1');
          const third = await from('127.0.0.1');
          expect(third.line).toBe('ERROR too many connections\n');
          if (!third.socket.closed) await once(third.socket, 'close');
          expect((await from('127.0.0.2')).line).toMatch(/^\* welcome, /);
          expect((await from('127.0.0.3')).line).toBe('ERROR full\n');
          await echo(client, 'still here');
          expect(await server.logged(/ refused: /)).toMatch(/^127.0.0.1:\d+ refused: too many connections$/);
          expect(await server.logged(/ refused: /)).toMatch(/^127.0.0.3:\d+ refused: full$/);
          const metrics = await get('/metrics');
          for (const why of ['too many connections', 'full']) expect(metric(metrics, refused(why))).toBe(1);
          expect([metric(metrics, 'accepted_total'), metric(metrics, 'clients')]).toEqual([3, 3]);
          two.socket.destroy();
          while (metric(await get('/metrics'), 'clients') > 2) await sleep(50);
          expect((await from('127.0.0.3')).line).toMatch(/^\* welcome, /);

          const begin = performance.now();
          server.kill('SIGINT');
          await client.lineLike(/^\* the server stops in 1 second$/);
          await client.until('the end', () => client.ended);
          expect(await server.exited()).toBe(0);
          expect(performance.now() - begin).toBeGreaterThan(990);
          expect(await server.logged(/: closed by the protocol$|^stopped/)).toMatch(
            /: closed by the protocol$/,
          );
        }),
    );
  }

  test.each(steps)(
    '%s loses no line of honest users in a drill, and keeps nothing of the offenders',
    async (step) => {
      const { stdout, exit } = await runScript('scripts/drill.ts', step, '--seconds', '2', '--seed', '3');
      expect(stdout).toMatch(/6 honest users received \d+ lines: none lost\n$/);
      expect(exit).toBe(0);
    },
  );

  test('one clear line says why the port of the status can not be opened', () =>
    listening(createServer(), async (port) => {
      const [step = ''] = runnable('src/select/select12.ts');
      expect(await run(process.execPath, [step, '--port', '0', '--status-port', `${port}`])).toMatchObject({
        stderr: `Cannot listen on 127.0.0.1:${port}: EADDRINUSE, address already in use: end that server, or take another port with --status-port\n`,
        exit: 1,
      });
    }));
});
