// What async-chat.ts does beyond the lines of select9.

import { describe, expect, test } from 'vitest';
import { Client } from '../src/behaviours/client.ts';
import { AsyncChat } from '../src/select/async-chat.ts';
import { EventHandler, Loop } from '../src/select/event-handler.ts';
import { pair, serving, until } from './harness.ts';
import { moved } from './moved.ts';

describe.concurrent('async-chat', () => {
  const chat = './test/fixtures/chat.ts';

  test('changes its terminator from one message to the next, however they are cut', () =>
    serving(chat, async (server) => {
      const stream = 'LINE\r\na\rb\nCOUNT 5\r\n1\r\n\n5LINE\r\nc\nCOUNT 1\r\n\rBYE\r\nLINE\r\nignored\n';
      const whole = await Client.connect(server.port);
      await whole.send(stream);
      const answer = await whole.rest();
      expect(answer).toBe('a\rb\n1\r\n\n5\nc\n\r\n');
      const slow = await Client.connect(server.port);
      for (const byte of stream.slice(0, stream.indexOf('BYE') + 5)) await slow.send(byte);
      expect(await slow.rest()).toBe(answer);
    }));

  test('throws at a count that is no number, which ends this connection, and no other', () =>
    serving(chat, async (server) => {
      for (const count of ['0', '-1', '1.5', 'many']) {
        const client = await Client.connect(server.port);
        await client.send(`COUNT ${count}\r\nmore`);
        expect(await client.rest()).toBe('');
        expect(await server.log()).toMatch(/^over: RangeError: Cannot wait for /);
      }
    }));

  test('cuts message after message by a number of bytes that was asked for once', () =>
    serving(chat, async (server) => {
      const client = await Client.connect(server.port);
      await client.send('EACH 5\r\nhellowor');
      await client.has('hello|');
      await client.send('ldagainand');
      client.end();
      expect(await client.rest()).toBe('hello|world|again|');
    }));

  test('collects bytes until the end of the stream, without a terminator', () =>
    serving(chat, async (server) => {
      const client = await Client.connect(server.port);
      await client.send(`ALL\r\n${'x\r\n'.repeat(10_000)}`);
      client.end();
      expect(await client.rest()).toBe('30000\n');
    }));

  test('asks a producer for more only when there is room', () =>
    serving(chat, async (server) => {
      const client = await Client.connect(server.port);
      client.socket.pause();
      await client.send('BIG 100000000\r\nBYE\r\n');
      const other = await Client.connect(server.port);
      await other.send('LINE\r\nme?\n');
      expect(await other.line()).toBe('me?');
      client.close();
      await server.stdout.until('its end', () => server.stdout.waiting.includes('over: '));
      const made = server.stdout.waiting.match(/made 65536/g)?.length ?? 0;
      expect(made).toBeGreaterThan(0);
      expect(made * 65536).toBeLessThan(50_000_000);
    }));

  test('sends 15 MB to one client, and answers another in the meantime', () =>
    serving(chat, async (server) => {
      const [big, small] = [await Client.connect(server.port), await Client.connect(server.port)];
      let arrived = 0;
      big.socket.on('data', (bytes: Buffer) => {
        arrived += bytes.length;
      });
      await big.send('BIG 15000000\r\nBYE\r\n');
      for (let part = 1; part < 6; part++) {
        await until(() => arrived >= part * 2_500_000);
        big.socket.pause();
        await small.send('LINE\r\nme?\n');
        expect(await small.line()).toBe('me?');
        big.socket.resume();
      }
      expect((await big.rest()).length).toBe(15_000_000);
    }));
});

test('async-chat moves each answer of a long queue about once', () => {
  class Answers extends AsyncChat {
    override foundTerminator(): void {}
    override onEnd(): void {}
  }
  class Reader extends EventHandler {
    received = 0;
    override onRead(bytes: Buffer): void {
      this.received += bytes.length;
    }
  }
  const loop = new Loop();
  const [one, other] = pair();
  const [answers, reader] = [new Answers(loop, one), new Reader(loop, other)];
  const answer = Buffer.alloc(32, 'x');
  for (let i = 0; i < 250_000; i++) answers.push(answer);
  answers.closeWhenDone();
  expect(moved(() => loop.run())).toBeLessThan(500_000); // Moving all others in each tick would be 15 million.
  loop.close();
  expect(reader.received).toBe(250_000 * 32);
});
