// A client within this process, for what is measured once: it comes, says hello, and has that echoed.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fail } from '../../src/cli/fail.ts';
import type { Running } from './processes.ts';

const HELLO = 'hello\n';
/** How long it waits for the echo, in milliseconds. */
const PATIENCE = 60_000;

/** Returns a client who has had its first echo, and how many milliseconds that took from connect() on. */
export async function greet({ name, port }: Running): Promise<[client: Socket, milliseconds: number]> {
  const begin = performance.now();
  const client = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    client.write(HELLO);
    const [echo] = await once(client, 'data', { signal: AbortSignal.timeout(PATIENCE) });
    const milliseconds = performance.now() - begin;
    if (`${echo}` !== HELLO) fail(`Cannot measure ${name}: what came back is ${JSON.stringify(`${echo}`)}`);
    client.on('error', () => {}); // What becomes of it now is no part of what is measured.
    return [client, rounded(milliseconds)];
  } catch (error) {
    return fail(`Cannot measure ${name}: ${(error as Error).message}`);
  }
}

/** Hundredths of a millisecond are more than can be measured. */
export function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
