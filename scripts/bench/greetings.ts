// How long a server takes to start, and to greet a client, or many of them.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Server } from '../../src/behaviours/server.ts';
import { fail } from '../../src/cli/fail.ts';
import type { Contestant } from './contestants.ts';
import { median, rounded } from './results.ts';
import { keep, memoryOf, PATIENCE, type Plan, type Situation, start } from './running.ts';

const SINGLES = { full: 20, quick: 5 }; // clients that connect one by one, before the crowd
const HELLO = 'hello\n';

/** Connects a few clients one by one, and then many at once. */
export async function greetMany({ contestant, entry }: Situation, { quick }: Plan): Promise<string> {
  const [server] = await start(contestant);
  const leave = contestant.name === 'pool4'; // It has a thread for the next client only after an earlier one has disconnected.
  const clients: Socket[] = [];
  const meet = async () => {
    const [client, milliseconds] = await greet(contestant, server);
    clients.push(client);
    if (leave) client.end();
    return milliseconds;
  };
  const singles: number[] = [];
  for (let i = 0; i < (quick ? SINGLES.quick : SINGLES.full); i++) {
    singles.push(await meet());
    if (leave) await once(clients.at(-1) as Socket, 'close'); // Then its thread is free, or nearly.
  }
  const before = memoryOf(server);
  const size = entry.busy ?? 0;
  const crowd = rounded(Math.max(...(await Promise.all(Array.from({ length: size }, meet)))));
  const memory = Math.round((memoryOf(server) - before) / size);
  for (const client of clients) client.destroy();
  await server.stop();
  return keep(entry, { one: rounded(median(singles)), crowd, memory });
}

/** Measures the time from the start of a server to its first line, and to its first answer. */
export async function startUp({ contestant, entry }: Situation): Promise<string> {
  const [server, listens] = await start(contestant);
  const [client, milliseconds] = await greet(contestant, server);
  const memory = memoryOf(server); // while the client is connected: single1 ends with it
  client.destroy();
  await server.stop();
  return keep(entry, { listens: rounded(listens), answers: rounded(listens + milliseconds), memory });
}

/** Connects a client, sends a line, and expects its echo. Also returns how many milliseconds that took from connect() on. */
async function greet(
  { name }: Contestant,
  { port }: Server,
): Promise<[client: Socket, milliseconds: number]> {
  const begin = performance.now();
  const client = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    client.write(HELLO);
    const [echo] = await once(client, 'data', { signal: AbortSignal.timeout(PATIENCE) });
    const milliseconds = performance.now() - begin;
    if (`${echo}` !== HELLO) throw new Error(`it has answered ${JSON.stringify(`${echo}`)}`);
    client.on('error', () => {}); // Later errors don't concern the measurement.
    return [client, milliseconds];
  } catch (error) {
    return fail(`Cannot measure ${name}: ${(error as Error).message}`);
  }
}
