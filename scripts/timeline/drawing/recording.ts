// A recording, from which timelines are drawn: what a step did, and what its clients saw. All times are in microseconds, on one
// clock.

import type { SystemCall } from '../../../src/sockets/trace-event.ts';

export type Recording = {
  step: string;
  /** The `process.platform` that the step ran on. */
  platform: string;
  /** When the scenario began. */
  begin: number;
  /** How long it lasted, in milliseconds. */
  duration: number;
  /** In the order in which they connected. */
  clients: ClientLog[];
  /** In the order in which they began. A call without `took` has not returned. */
  calls: SystemCall[];
  /** The waits of coroutines, in steps on the project's own loop. */
  waits: Wait[];
  /** The callbacks of steps on Node's own loop. */
  callbacks: Callback[];
};

/** What a client did and saw. Its role says how it differs from the others: `connects late`. */
export type ClientLog = { name: string; role: string; connected: number; left: number; messages: Message[] };

/** Lines that a client sent at once. */
export type Message = {
  said: number;
  /** How many bytes the client had sent before them. */
  offset: number;
  /** When the client had the last byte of the answer; undefined if it never had. */
  answered?: number;
};

/** A coroutine waited until it could read or write. Without `took`, it still waits. */
export type Wait = { wait: 'read' | 'write'; fd: number; begin: number; took?: number };

/** Node called JavaScript, or accepted a connection. */
export type Callback = {
  callback: 'called' | 'accepted';
  /** Node's number of the connection that it was called for, if it was called for one. */
  connection?: number;
  /** How many bytes Node has received on it so far. */
  received?: number;
  begin: number;
  took: number;
};
