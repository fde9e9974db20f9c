import type { TourEvent } from './events.ts';

/** How many events of a run are kept. */
export const MOST = 5000;

/** The last events of a run, in order. A call is one event, which changes when the call returns. */
export class Kept {
  readonly #events = new Map<string, TourEvent>();
  readonly #most: number;
  #count = 0;
  /** How many events were dropped, here or by the server. */
  skipped = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  add(event: TourEvent): void {
    if (event.kind === 'skipped') {
      this.skipped += event.count;
      return;
    }
    this.#events.set(event.kind === 'trace' ? keyOf(event.event) : `${++this.#count}`, event);
    if (this.#events.size > this.#most) this.#drop();
  }

  get all(): TourEvent[] {
    return [...this.#events.values()];
  }

  /** Drops events, first the least important ones, and of these the oldest. */
  #drop(): void {
    let best: { key: string; worth: number } | undefined;
    for (const [key, event] of this.#events) {
      const worth = worthOf(event);
      if (!best || worth < best.worth) best = { key, worth };
      if (worth === 0) break;
    }
    if (best) this.#events.delete(best.key);
    this.skipped++;
  }
}

/** A shorter span can hardly be seen in a picture, in microseconds. */
const SHORT = 1000;

/** Whether an event is a call, or a callback, so short that it can hardly be seen. */
export function isShort(one: TourEvent): boolean {
  if (one.kind === 'callback') return one.event.took < SHORT && !isNeeded(one);
  return one.kind === 'trace' && 'took' in one.event && (one.event.took ?? SHORT) < SHORT && !isNeeded(one);
}

/** How important an event is: a short call the least, the beginning the most. */
function worthOf(one: TourEvent): number {
  if (isShort(one)) return 0;
  if (one.kind === 'begin' || one.kind === 'scene' || one.kind === 'end') return 3;
  return isNeeded(one) ? 2 : 1;
}

/** A key that the two events of a call or a wait have in common. */
export function keyOf({ pid, thread, id }: { pid: number; thread: number; id: number }): string {
  return `${pid} ${thread} ${id}`;
}

/** Whether other events need this event, because it names a connection, or still goes on. */
function isNeeded(event: TourEvent): boolean {
  if (event.kind === 'callback') return event.event.callback === 'accepted';
  if (event.kind !== 'trace') return event.kind !== 'log';
  if ('wait' in event.event) return event.event.wait === 'node' || event.event.took === undefined;
  const { call, took, result = -1 } = event.event;
  return (
    took === undefined || call === 'listen' || call === 'uv_poll_start' || (call === 'accept' && result >= 0)
  );
}
