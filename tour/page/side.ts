// One of the steps on the page: its content, and its events.

import type { Content } from '../shared/content.ts';
import type { Report, TourEvent } from '../shared/events.ts';
import { Kept } from '../shared/kept.ts';
import { beginOf } from '../shared/lanes.ts';

export class Side {
  readonly content: Content;
  #kept = new Kept();
  #all: TourEvent[] | undefined;
  /** The clock of the events, less that of the page, in microseconds. */
  #offset = 0;
  options: readonly string[] = [];

  constructor(content: Content) {
    this.content = content;
  }

  take({ events, now, anew, options }: Pick<Report, 'events' | 'now' | 'anew' | 'options'>): void {
    if (anew) this.#kept = new Kept();
    for (const event of events) this.#kept.add(event);
    this.#all = undefined;
    this.#offset = now - performance.now() * 1000;
    this.options = options;
  }

  get events(): readonly TourEvent[] {
    this.#all ??= this.#kept.all;
    return this.#all;
  }

  get skipped(): number {
    return this.#kept.skipped;
  }

  /** Now, on the clock of the events; after the end of the run, its end. */
  get now(): number {
    return this.end ?? performance.now() * 1000 + this.#offset;
  }

  get begin(): number | undefined {
    return beginOf(this.events);
  }

  get end(): number | undefined {
    return this.events.find((event) => event.kind === 'end')?.time;
  }
}
