// What there is to be seen in a timeline, in words and figures.

import { type Arrow, kinds, type Lane } from './lane.ts';
import type { Timeline } from './timeline.ts';

/** When somebody wakes that long after bytes have arrived, it is a gap worth a word: milliseconds. */
export const LATE = 100;

/** What goes on in a lane for less time than this, all in all, is not worth one: milliseconds. */
const LITTLE = 50;

/** How long nobody woke, in milliseconds. */
export function gap({ arrived, woke }: Arrow): number {
  return woke - arrived;
}

/** A sentence for each client, on how long it was before somebody woke, and one for each lane of the server. */
export function describe({ clients, servers, arrows }: Timeline): string {
  const heard = clients.map((client) => {
    const own = arrows.filter(({ from }) => from === client);
    // One arrow for the connection, and one for each message.
    if (own.length < 1 + client.said.length) return `${client.name}: not heard to the end.`;
    const longest = Math.max(...own.map(gap));
    return `${client.name}: somebody wakes ${longest < LATE ? 'at once' : `after ${seconds(longest)}`}.`;
  });
  return [...heard, ...servers.map((lane) => `${lane.name}: ${contents(lane)}.`)].join(' ');
}

function contents({ spans }: Lane): string {
  const words = Object.entries(kinds).flatMap(([kind, words]) => {
    const own = spans.filter((span) => span.kind === kind);
    const total = own.reduce((sum, { begin, end }) => sum + end - begin, 0);
    return total < LITTLE ? [] : [`${words} for ${seconds(total)}`];
  });
  return words.join(', ') || 'hardly anything';
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
