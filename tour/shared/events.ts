// What happens while a step runs, as the page is told. There are only types in this file.

import type { Callback } from '../../scripts/timeline/drawing/recording.ts';
import type { Happening } from '../../src/behaviours/client.ts';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';

/** What a client does or sees. */
export type ClientEvent = {
  kind: 'client';
  time: number;
  name: string;
  what: Happening['what'] | 'stops reading' | 'reads again' | 'is refused';
  /** The beginning of what was sent or received, fit to be shown. */
  text?: string;
  /** How many bytes that were. */
  length?: number;
  /** How many lines have ended in them, those aside by which a chat tells who comes and goes. */
  lines?: number;
};

/** Times are in microseconds, on the clock of the trace. */
export type TourEvent =
  | { kind: 'trace'; event: TraceEvent }
  | { kind: 'callback'; event: Callback }
  | ClientEvent
  | { kind: 'log'; time: number; line: string }
  /** The step listens. */
  | { kind: 'begin'; time: number; port: number }
  /** The scene of the four clients begins. */
  | { kind: 'scene'; time: number; slower: number; roles: Record<string, string> }
  | { kind: 'end'; time: number; how: string }
  /** So many events are not shown: there were too many of them at once. */
  | { kind: 'skipped'; time: number; count: number };

/** What a stream of the server brings to the page. */
export type Report = {
  /** Which of the two steps on the page it is about, from the left. */
  side: number;
  step: string;
  options: readonly string[];
  /** The clock of the events when this was sent. */
  now: number;
  /** Whether what was known of this side before is over. */
  anew: boolean;
  events: TourEvent[];
};

/** A recording of the scene, as a static page plays it. */
export type Recorded = Pick<Report, 'step' | 'events'> & { end: number };
