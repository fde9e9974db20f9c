// What can be asked of the entries of a table.

import type { Entry } from './results.ts';
import { median, medianRatio } from './statistics.ts';

/** The entries of a situation. */
export function having(entries: Entry[], situation: Partial<Omit<Entry, 'figures'>>): Entry[] {
  const wanted = Object.entries(situation) as [keyof Entry, unknown][];
  return entries.filter((entry) => wanted.every(([key, value]) => entry[key] === value));
}

/** Who was measured, in the order of the entries. */
export function servers(entries: Entry[]): string[] {
  return [...new Set(entries.map(({ server }) => server))];
}

/** How many connections there were, from few to many. */
export function counts(entries: Entry[], what: 'busy' | 'idle'): number[] {
  return [...new Set(entries.map((entry) => entry[what] ?? 0))].sort((a, b) => a - b);
}

/** The speed of an entry in that of another, NaN if there is none. */
export function compare(entry: Entry, reference: Entry | undefined): number {
  return medianRatio(entry.figures.speed ?? [], reference?.figures.speed ?? []);
}

/** The memory that a server takes for each idle connection: NaN if that has not been measured. */
export function memoryOfEach(entries: Entry[], server: string): number {
  const own = having(entries, { server }).filter(({ figures }) => figures.memory);
  const [without, most] = [own[0], own.at(-1)];
  const differences = most?.figures.memory?.map(
    (memory, round) => memory - (without?.figures.memory?.[round] ?? 0),
  );
  return median(differences ?? []) / (most?.idle || Number.NaN);
}
