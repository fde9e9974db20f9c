// thread11: users who talk to each other, a thread for each.
//
// New since thread10: a room, and a chat on top of the chain. The table of users is in memory that all threads share,
//   with a mutex. A thread sends its user's line to the descriptors of all the others, and holds the mutex meanwhile.
//   So lines of two speakers never mix, and no thread sends to a descriptor that was closed and used anew.
// Try: npm start thread11 -- --quiet, and nc localhost 12345 in three terminals, with NICK alice, SAY hello,
//   MSG alice psst, WHO, QUIT. (select11 has --web-port for browsers; here the main thread sleeps in accept() on one
//   listener, and can't accept from a second.)
// Still wrong: stop one of the three with Ctrl-Z, and let another say a lot: yes SAY hello | nc localhost 12345. When
//   the kernel's buffer for the stopped user is full, send() blocks with the mutex held, and all other threads wait for
//   the mutex. In select11, no call waits for one client, and select12 cuts the stopped one off.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { isMainThread, serveInThread } from '../parallel/thread.ts';
import { chain } from '../protocol/chain.ts';
import { ChatProtocol } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { SharedRoom } from './shared-room.ts';

const PLACES = 1000;

export function serve(client: Socket, address: Address, memory: SharedArrayBuffer): void {
  log(`${address} connected`);
  const send = (bytes: Buffer) => client.sendAll(bytes); // Wrong on purpose: it blocks, with the mutex held. See select11.
  const chat = new ChatProtocol(new SharedRoom(memory, client), send);
  let closing = false;
  const transport = {
    send,
    close: () => {
      closing = true;
    },
    report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  };
  const protocol = chain(transport, new LineProtocol(), new TextProtocol(), chat);
  try {
    chat.enter();
    while (!closing) {
      const bytes = client.recv(4096);
      if (bytes.length === 0) break;
      log(`${address} sent ${quote(bytes)}`);
      protocol.received(bytes);
    }
    if (!closing) protocol.ended();
    log(`${address} disconnected: ${closing ? 'closed by the protocol' : 'end of stream'}`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  } finally {
    chat.leave();
    client.lingeringClose();
  }
}

/** Runs in another thread when a client's thread has died. That thread may have held the mutex. */
serve.died = (thread: number, client: Socket, _address: Address, memory: SharedArrayBuffer): void => {
  new SharedRoom(memory, client).leaveDead(thread);
};

if (isMainThread) {
  const listener = listen();
  const memory = SharedRoom.memory(PLACES);
  while (true) {
    const [client, address] = listener.accept();
    serveInThread(serve, client, address, memory);
  }
}
