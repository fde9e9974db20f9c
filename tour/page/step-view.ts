// One step on the page: its code, where it waits, its timeline.

import { momentAt } from '../shared/moment.ts';
import { Code } from './code.ts';
import { h, setText } from './dom.ts';
import type { Side } from './side.ts';
import { Standings } from './standings.ts';
import { TimelineView } from './timeline.ts';

/** How often a picture that grows is drawn, in milliseconds. */
const REDRAW = 250;
/** How many lines of the log the page shows. */
const LOGGED = 200;

export class StepView {
  readonly code: Code;
  readonly standings: Standings;
  readonly timeline: TimelineView;
  readonly log = h('pre', { class: 'log', tabindex: 0, role: 'region', 'aria-label': "The server's log" });
  readonly skipped = h('p', { class: 'skipped' });
  readonly #side: Side;
  #drawn = Number.NEGATIVE_INFINITY;
  #shown = '';

  /** @param choose called with the moment that you choose, in microseconds since the beginning */
  constructor(side: Side, choose: (at: number) => void) {
    this.#side = side;
    this.code = new Code(side.content);
    this.standings = new Standings((at) => this.code.reveal(at));
    this.timeline = new TimelineView(side, (time, line) => {
      choose(time - (side.begin ?? time));
      if (line) setTimeout(() => this.code.reveal(line), 50);
    });
  }

  /** Shows a moment, in microseconds since the beginning; undefined for now. Returns it on the clock of the events. */
  show(at: number | undefined, until: number): number {
    const { events, begin = 0, end, skipped } = this.#side;
    const time = at === undefined ? this.#side.now : Math.min(begin + at, until);
    const key = `${time} ${events.length} ${until}`;
    if (key === this.#shown) return time;
    this.#shown = key;
    const isOver = end !== undefined && time >= end;
    const moment = isOver ? { waits: [], ran: new Set<string>() } : momentAt(events, time);
    this.code.show(moment, time);
    this.standings.show(moment, time, restOf(events.length, isOver));
    this.#showLog(time);
    const now = performance.now();
    if (at !== undefined || isOver || now - this.#drawn > REDRAW) {
      this.timeline.show(until, time);
      this.#drawn = now;
    }
    setText(this.skipped, skipped > 0 ? `${skipped.toLocaleString('en')} short events are not shown.` : '');
    return time;
  }

  #showLog(time: number): void {
    const lines = this.#side.events.flatMap((one) => {
      if (one.kind === 'log' && one.time <= time) return [one.line];
      return one.kind === 'end' && one.time <= time ? [`■ ended: ${one.how}`] : [];
    });
    const text = lines.slice(-LOGGED).join('\n');
    if (this.log.textContent === text) return;
    const { scrollTop, clientHeight, scrollHeight } = this.log;
    const follows = scrollTop + clientHeight >= scrollHeight - 8;
    this.log.textContent = text;
    if (follows) this.log.scrollTop = this.log.scrollHeight;
  }
}

function restOf(count: number, isOver: boolean): string {
  if (isOver) return 'The step has ended.';
  return count > 0 ? '▶ the step runs' : 'The step is not running.';
}
