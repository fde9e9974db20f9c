import { now } from '../../src/sockets/system-call.ts';
import type { ClientEvent, TourEvent } from '../shared/events.ts';
import { isShort, keyOf } from '../shared/kept.ts';

/** So many events are told at a time; of more, the short ones are only counted. */
const MANY = 200;
/** What a client sends at once is no line that you have typed, if it is longer than this, in bytes. */
const LARGE = 10_000;

/**
 * What of these events is told: a call that has already returned as one event, the bytes that a client sent or received in a row as
 * one, and of a flood the part without which the rest can't be understood. The bytes of calls that are left out are added to those
 * of the first one.
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

/** Whether a client goes on to do what it did before: to receive, or to send a lot. */
function goOn(before: ClientEvent, { what, length = 0 }: ClientEvent): boolean {
  return before.what === what && (what === 'receives' || length > LARGE);
}
