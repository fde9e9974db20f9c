// What clients do to a server.

import { loadClient } from './contestants.ts';
import type { Load } from './processes.ts';

/** Deliveries a second of a chat that has not been tried yet. */
const AT_LEAST = 50_000;

/** Busy connections that each have a message of so many bytes under way, and idle ones. */
export function messages(size: number, busy: number, idle = 0): Load {
  return { client: loadClient('load'), args: (seconds) => [busy, seconds, size, idle] };
}

/** Clients, so many at a time, who connect, have a line of so many bytes echoed, and leave. */
export function visits(size: number, clients: number): Load {
  return { client: loadClient('connect_load'), args: (seconds) => [clients, seconds, size] };
}

/** Users who all say the same number of lines: as many as the server has all of them hear in time. */
export function talk(size: number, users: number): Load {
  const lines = (deliveries: number) => Math.ceil(deliveries / (users * (users - 1))) || 1;
  const args = (seconds: number, speed = AT_LEAST) => [users, lines(seconds * speed), size];
  return { client: loadClient('chat_load'), args };
}
