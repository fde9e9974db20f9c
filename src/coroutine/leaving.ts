// A client that leaves, and its watcher: npx tsx src/coroutine/leaving.ts generators|group|race|signal
//
// The client leaves after one second. Its watcher sleeps for three. With group and signal, the watcher ends with the client.
// With generators and race, it sleeps on.

import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../cli/fail.ts';
import { print } from '../cli/log.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';
import { withGroup } from './group.ts';
import { TaskLoop } from './task.ts';

const STAY = 1000; // in milliseconds
const WATCH = 3000;

function tell(what: string): void {
  print(`${new Date().toTimeString().slice(0, 8)} ${what}`);
}

function* client(): Coroutine {
  yield ['sleep', STAY];
  tell('the client has left');
}

function* watch(): Coroutine {
  try {
    yield ['sleep', WATCH];
  } finally {
    tell('the watcher ends');
  }
}

function generators(): void {
  const loop = new GeneratorLoop();
  loop.spawn(client());
  loop.spawn(watch());
  loop.run();
}

function group(): void {
  const loop = new TaskLoop();
  const both = withGroup(function* (group) {
    group.spawn(watch());
    yield* client();
    group.cancel();
  });
  loop.spawn(both);
  loop.run();
}

async function clientAsync(): Promise<void> {
  await wait(STAY);
  tell('the client has left');
}

async function watchAsync(signal?: AbortSignal): Promise<void> {
  try {
    await wait(WATCH, undefined, { signal });
  } finally {
    tell('the watcher ends');
  }
}

async function race(): Promise<void> {
  await Promise.race([clientAsync(), watchAsync()]);
  tell('the race is over');
}

async function signal(): Promise<void> {
  const left = new AbortController();
  const watching = watchAsync(left.signal);
  await clientAsync();
  left.abort();
  await watching.catch((error) => tell(`${error}`));
}

const ways = new Map([
  ['generators', generators],
  ['group', group],
  ['race', race],
  ['signal', signal],
]);
const [name = '', ...rest] = process.argv.slice(2);
const way = ways.get(name);
if (!way || rest.length > 0) fail('Usage: npx tsx src/coroutine/leaving.ts generators|group|race|signal');
await way();
