import { now } from '../../src/sockets/system-call.ts';
import type { ClientEvent, TourEvent } from '../shared/events.ts';
import { isShort, keyOf } from '../shared/kept.ts';

/** A longer report only counts its short calls. */
const MANY = 200;
/** A longer message is no line that you have typed: its pieces become one event. In bytes. */
const LARGE = 10_000;

/**
 * Shortens a report. A call that has already returned becomes one event, and so do the bytes that a client sent or received in a
 * row. Of a flood, keeps the events that other events need. The first call gets the bytes of the calls that are left out.
 */
export function thinned(events: readonly TourEvent[]): TourEvent[] {
  const merged = merge(events);
  if (merged.length <= MANY) return merged;
  const received = new Map<string, { result?: number }>();
  let count = 0;
  const told = merged.filter((one, i) => {
    if (i >= merged.length - MANY / 4 || !(isShort(one) || one.kind === 'log')) return true;
    if (one.kind === 'trace' && 'call' in one.event && one.event.call === 'recv') {
      const { pid, fd, result = 0 } = one.event;
      const first = received.get(`${pid} ${fd}`);
      if (!first) {
        received.set(`${pid} ${fd}`, one.event);
        return true;
      }
      if (result > 0) first.result = Math.max(0, first.result ?? 0) + result;
    }
    count++;
    return false;
  });
  return [...told, { kind: 'skipped', time: now(), count }];
}

function merge(events: readonly TourEvent[]): TourEvent[] {
  const last = new Map<string, TourEvent>();
  const merged: TourEvent[] = [];
  for (const one of events) {
    if (one.kind === 'trace') {
      const key = keyOf(one.event);
      const begun = last.get(key);
      if (begun) Object.assign(begun, one);
      else merged.push(one);
      last.set(key, begun ?? one);
    } else if (one.kind === 'client' && one.length !== undefined) {
      const before = last.get(one.name);
      if (before?.kind === 'client' && goOn(before, one)) {
        before.length = (before.length ?? 0) + one.length;
        before.lines = (before.lines ?? 0) + (one.lines ?? 0);
        before.text = `${before.text?.replace(/…?$/, '…')}`;
        if (one.what === 'receives') before.time = one.time;
      } else {
        merged.push(one);
        last.set(one.name, one);
      }
    } else {
      if (one.kind === 'client') last.delete(one.name);
      merged.push(one);
    }
  }
  return merged;
}

/** Whether a client goes on receiving, or sending a lot. */
function goOn(before: ClientEvent, { what, length = 0 }: ClientEvent): boolean {
  return before.what === what && (what === 'receives' || length > LARGE);
}
