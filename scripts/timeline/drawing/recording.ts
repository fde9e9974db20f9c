// What a timeline is drawn from: what a step did, and what its clients saw. Times are in microseconds, on one and the same clock.

import type { SystemCall } from '../../../src/sockets/trace-event.ts';

export type Recording = {
  step: string;
  /** Where the step ran, as `process.platform` says it. */
  platform: string;
  /** When the scenario began. */
  begin: number;
  /** How long it lasted, in milliseconds. */
  duration: number;
  /** In the order in which they connected. */
  clients: ClientLog[];
  /** In the order in which they began. A call without `took` has not returned. */
  calls: SystemCall[];
  /** Of steps on the loop of this project. */
  waits: Wait[];
  /** Of steps on Node's own loop. */
  callbacks: Callback[];
};

/** What a client did and saw. Its role is what it is known for: `comes late`. */
export type ClientLog = { name: string; role: string; connected: number; left: number; messages: Message[] };

/** Some lines that a client sent at once. */
export type Message = {
  said: number;
  /** How many bytes the client had sent before them. */
  offset: number;
  /** When the client had the last byte of the answer; undefined if it never had. */
  answered?: number;
};

/** A coroutine waited until it could read or write. Without `took`, it still does. */
export type Wait = { wait: 'read' | 'write'; fd: number; begin: number; took?: number };

/** Node called JavaScript, or accepted a connection. */
export type Callback = {
  callback: 'called' | 'accepted';
  /** The connection that it is about, if it is about one: a number of Node's own. */
  connection?: number;
  /** How many bytes Node has received on it so far. */
  received?: number;
  begin: number;
  took: number;
};
