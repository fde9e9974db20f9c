// One user sends ECHO again and again. Two others have the server compute numbers all the time.

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/behaviours/client.ts';
import { type Figures, median, percentile } from './results.ts';

/** The command that computes for some 20 ms, or 2, and how many answers are measured. */
const full = { command: 'FIB 30', answer: '832040', echoes: 100 };
const quick = { command: 'FIB 25', answer: '75025', echoes: 20 };

/** How long the first user pauses after an answer, in milliseconds. */
const PAUSE = 2;
const PATIENCE = 60_000;

/** How long the first user waits for an answer, in milliseconds, and how many numbers the others receive in a second. */
export async function talkBeside(port: number, isQuick: boolean): Promise<Figures> {
  const { command, answer, echoes } = isQuick ? quick : full;
  const connect = () => Client.connect(port, { patience: PATIENCE });
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
  return {
    usual: Number(median(times).toFixed(2)),
    late: Number(percentile(99, times).toFixed(2)),
    numbers: Number((numbers / seconds).toFixed(1)),
  };
}

/** Sends a line, and expects this answer. Returns how many milliseconds it took. */
async function ask(client: Client, line: string, answer: string): Promise<number> {
  const begin = performance.now();
  await client.send(`${line}\n`);
  await client.expect(`${answer}\n`);
  return performance.now() - begin;
}
