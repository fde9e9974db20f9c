// Two clients that take three seconds each: npx tsx src/coroutine/sync-vs-async.ts sync|async
//
// Both ways wait in epoll_wait(), for three seconds. sync waits within each conversation, so there are two waits, one after
// the other. async waits outside of the conversations, once, for both clients.

import { fail } from '../cli/fail.ts';
import { print } from '../cli/log.ts';
import { Selector } from '../sockets/selector.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';

const NETWORK_DELAY = 3000; // in milliseconds
const clients = ['client 1', 'client 2'];

function tell(what: string): void {
  print(`${new Date().toTimeString().slice(0, 8)} ${what}`);
}

function sync(): void {
  const nothing = new Selector(); // No socket: it waits for the time only.
  const talk = (client: string): void => {
    nothing.select(NETWORK_DELAY);
    tell(`talked to ${client}`);
  };
  for (const client of clients) talk(client);
}

function async(): void {
  const loop = new GeneratorLoop();
  function* talk(client: string): Coroutine {
    yield ['sleep', NETWORK_DELAY];
    tell(`talked to ${client}`);
  }
  for (const client of clients) loop.spawn(talk(client));
  loop.run();
}

const ways = new Map([
  ['sync', sync],
  ['async', async],
]);
const [name = '', ...rest] = process.argv.slice(2);
const way = ways.get(name);
if (!way || rest.length > 0) fail('Usage: npx tsx src/coroutine/sync-vs-async.ts sync|async');
tell('begin');
way();
tell('end');
