// One user sends ECHO again and again. For two others, the server computes numbers all the time.

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/behaviours/client.ts';
import { median, percentile, rounded } from './results.ts';
import { keep, PATIENCE, type Plan, type Situation, start } from './running.ts';

/** A command that computes for about 20 ms, or with --quick 2, and the number of measured answers. */
const full = { command: 'FIB 30', answer: '832040', echoes: 100 };
const quick = { command: 'FIB 25', answer: '75025', echoes: 20 };

/** How long the first user pauses after an answer, in milliseconds. */
const PAUSE = 2;

/** How long the first user waits for an answer, in milliseconds, and how many numbers the others receive in a second. */
export async function compute({ contestant, entry }: Situation, plan: Plan): Promise<string> {
  const { command, answer, echoes } = plan.quick ? quick : full;
  const [server] = await start(contestant);
  const connect = () => Client.connect(server.port, { patience: PATIENCE });
  const [talker, ...others] = await Promise.all([connect(), connect(), connect()]);
  await Promise.all(others.map((other) => ask(other, command, answer))); // Now all threads that compute have started.

  let numbers = 0;
  let over = false;
  const begin = performance.now();
  const computing = others.map(async (other) => {
    for (; !over; numbers++) await ask(other, command, answer);
  });
  const times: number[] = [];
  while (times.length < echoes) {
    times.push(await ask(talker, 'ECHO hello', 'hello'));
    await sleep(PAUSE);
  }
  over = true;
  await Promise.all(computing);
  const seconds = (performance.now() - begin) / 1000;
  for (const client of [talker, ...others]) client.close();
  await server.stop();
  return keep(entry, {
    usual: rounded(median(times)),
    late: rounded(percentile(99, times)),
    numbers: rounded(numbers / seconds, 1),
  });
}

/** Sends a line, and expects this answer. Returns how many milliseconds it took. */
async function ask(client: Client, line: string, answer: string): Promise<number> {
  const begin = performance.now();
  await client.send(`${line}\n`);
  await client.expect(`${answer}\n`);
  return performance.now() - begin;
}
