import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import { type Inbox, PATIENCE } from './inbox.ts';
import type { Program } from './program.ts';

/** The pause between two looks at the server, in milliseconds, and how many times in a row it must be idle. */
const PAUSE = 50;
const STILL = 10;

/**
 * Sends these pieces until the server is idle: for half a second it takes no byte, logs nothing, and has no thread that runs
 * or waits for a CPU. (A slow server on a busy machine has such a thread.) Then it has taken all pieces, or is stuck. A client
 * whose socket is paused does not read meanwhile. If the server goes on, the rest is sent by itself.
 *
 * @returns `all`, a promise that is fulfilled when all pieces are sent
 */
export async function pour(
  client: Client,
  pieces: readonly (string | Buffer)[],
  { program, log }: { program?: Program; log?: Inbox } = {},
): Promise<{ all: Promise<void> }> {
  let sent = 0;
  const all = (async () => {
    for (const piece of pieces) {
      await client.send(piece);
      sent++;
    }
  })();
  const deadline = performance.now() + PATIENCE;
  let seen = '';
  for (let still = 0; still < STILL && performance.now() < deadline; ) {
    await sleep(PAUSE);
    const now = `${sent} ${log?.received}`;
    still = now === seen && !program?.isBusy ? still + 1 : 0;
    seen = now;
  }
  return { all };
}
