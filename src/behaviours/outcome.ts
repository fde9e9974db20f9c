// What comes of a behaviour, tried on a server.

import { type BehaviourName, behaviours } from './behaviours.ts';
import { Client } from './client.ts';
import { ExpectationError } from './inbox.ts';
import type { Server } from './server.ts';

/** How long to wait for an answer that is not expected to come, in milliseconds. */
export const SHORT_PATIENCE = 500;

/** From level 3 on a server survives whatever it is meant to survive: so one and the same can be tried on all of that. */
export const lasts = (level: number) => level >= 3;

/** What comes of it: `passes`, or how it fails. */
export async function outcome(
  name: BehaviourName,
  level: number,
  server: Server,
  patience: number,
): Promise<string> {
  const clients: Client[] = [];
  const connect = async () => {
    const client = await Client.connect(server.port, patience);
    clients.push(client);
    return client;
  };
  try {
    await behaviours[name]({ server, level, connect });
    return 'passes';
  } catch (error) {
    if (error instanceof ExpectationError) return `fails: ${error.message}`;
    throw error;
  } finally {
    for (const client of clients) client.close();
  }
}
