// stream12: a chat to leave running, on Node's own loop.
//
// New since stream11: limits to what one client may cost, and an orderly end, by the guard of select12. Node has
//   setTimeout(), maxConnections and writableLength for some of it. But it closes without a word, counts no addresses, and
//   does not tell how much of a write() the kernel has taken. So each write() here is one piece, and the next piece waits.
// Try: what you tried with select12.
// Still wrong: one process, on one machine. When it ends, the room is gone.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { Guard } from '../limits/guard.ts';
import { limitOptions, toLimits } from '../limits/limits.ts';
import { serveStatus } from '../limits/status.ts';
import { chain } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { GrowingBuffer } from '../protocol/growing-buffer.ts';
import { PaceProtocol } from '../protocol/pace.ts';
import { TextProtocol } from '../protocol/text.ts';
import { Address, BACKLOG } from '../sockets/socket.ts';
import { lingeringClose } from './lingering-close.ts';

const options = readOptions({ ...webOptions, ...limitOptions });
const guard = new Guard(toLimits(options));
const room = new LocalRoom();

/** The most bytes of one write(). */
const PIECE = 16 * 1024;

async function serve(client: Socket, address: Address, framing: Framing): Promise<void> {
  /** Why the connection ends, as soon as all has been sent. */
  let ending: unknown;
  const waiting: (() => void)[] = [];
  const goOn = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  /** Waits until a condition is true, or the connection is closed. */
  const until = async (isSo: () => boolean) => {
    while (!isSo() && !client.destroyed) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  log(`${address} connected`);
  client.on('close', goOn);

  const unsent = new GrowingBuffer();
  const flush = () => {
    if (client.writableLength > 0 || unsent.length === 0 || client.destroyed) return;
    const piece = unsent.take(Math.min(unsent.length, PIECE));
    client.write(piece, () => {
      watch.took(piece.length);
      flush();
      goOn();
    });
    if (client.writableLength > 0) watch.took(0); // The kernel has not taken all of it at once.
  };
  const send = (bytes: Buffer) => {
    if (!watch.owes(bytes.length)) return;
    if (unsent.length === 0) setImmediate(flush); // One write() for all the lines of a tick.
    unsent.append(bytes);
  };
  const end = (why: string) => {
    if (ending) return;
    ending = why;
    // The loop below may wait for bytes.
    void until(() => watch.owed === 0).then(() => {
      leave();
      lingeringClose(client);
    });
  };
  let left = false;
  const leave = () => {
    if (left) return;
    left = true;
    log(`${address} disconnected: ${ending}`);
    chat.leave();
  };
  const transport = {
    send,
    close: () => end('closed by the protocol'),
    report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  };
  const guest = {
    address,
    tell: (line: string) => chat.send(line),
    finish: () => chat.close(),
    cutOff: (why: string) => {
      ending ??= why;
      client.destroy();
    },
    resume: () => {
      pace.resume();
      goOn();
    },
  };
  const watch = guard.enter(guest);
  const pace = new PaceProtocol(watch);
  const chat = new ChatProtocol(room, (line) => framing.deliver(line));
  const protocol = chain(transport, framing, pace, new TextProtocol(), chat);
  protocol.opened();
  try {
    for await (const bytes of client.iterator({ destroyOnReturn: false })) {
      log(() => `${address} sent ${quote(bytes)}`);
      protocol.received(bytes);
      watch.heard(bytes.length, framing.begun);
      await until(() => !pace.waits);
      if (ending) break;
    }
    watch.finished();
    if (!ending) protocol.ended();
    end('end of stream');
    if (!client.closed) await once(client, 'close');
  } catch (error) {
    ending ??= error;
    client.destroy();
  }
  leave();
  guard.leave(guest);
}

function accept(client: Socket, framing: Framing): void {
  // The awaits of serve() throw the error. But an 'error' event without a listener ends the program, of a refused client, too.
  client.on('error', () => {});
  const { remoteAddress: host, remotePort: port } = client;
  if (host === undefined || port === undefined) return void client.destroy(); // The client has already reset.
  const address = new Address(host, port);
  if (guard.admits(address, (line) => client.end(line, () => client.destroy())))
    void serve(client, address, framing);
}

serveStatus(options, guard);
const servers = listenForChat(options, guard.limits).map(({ listener, framing }) => {
  const server = createServer({ allowHalfOpen: true }, (client) => accept(client, framing()));
  return server.listen({ fd: listener.fd }, BACKLOG);
});
guard.drainOnSignal(options.drain, servers);
