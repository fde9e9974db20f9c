// The timeline: the picture of the README, drawn by the same code while the step runs.

import { draw, placeAt, shareAt } from '../../scripts/timeline/drawing/draw.ts';
import { type Lanes, lanesOf, lineOf } from '../shared/lanes.ts';
import { h } from './dom.ts';
import type { Side } from './side.ts';

export class TimelineView {
  readonly element = h('figure', { class: 'timeline' });
  readonly #side: Side;
  readonly #picture = h('div', { class: 'picture' });
  readonly #cursor = h('div', { class: 'cursor', 'aria-hidden': true });
  readonly #shadow = this.#picture.attachShadow({ mode: 'open' });
  readonly #sheet = new CSSStyleSheet();
  #shown: Lanes | undefined;
  #drawn = '';

  /** @param choose called with a time of the events, and the line of the span that you have clicked */
  constructor(side: Side, choose: (time: number, line: string | undefined) => void) {
    this.#side = side;
    this.#shadow.adoptedStyleSheets = [this.#sheet];
    this.element.append(h('div', { class: 'canvas' }, this.#picture, this.#cursor));
    this.#picture.addEventListener('click', (event) => {
      const svg = this.#shadow.querySelector('svg');
      const lanes = this.#shown;
      if (!svg || !lanes) return;
      const scale = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width;
      const box = svg.getBoundingClientRect();
      const { lane, time } = placeAt(
        lanes.timeline,
        (event.clientX - box.left) * scale,
        (event.clientY - box.top) * scale,
      );
      if (time < 0 || time > lanes.timeline.duration) return;
      const span = lanes.timeline.servers[lane]?.spans.find(({ begin, end }) => begin <= time && time < end);
      choose(lanes.from + time * 1000, span && lineOf(this.#side.events, span, lanes.from));
    });
  }

  /** Draws the events until `until`, and a cursor at `time`, if that is earlier. */
  show(until: number, time: number): void {
    const { content, events } = this.#side;
    const lanes = lanesOf(content.name, events, until);
    this.#shown = lanes;
    this.element.classList.toggle('empty', !lanes);
    if (!lanes) return;
    const heading = `${content.name}: what the server waits for`;
    const picture = draw(lanes.timeline, { heading, from: lanes.elapsed });
    // The page's policy forbids styles within an element, but not a style sheet that a script makes.
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(picture) ?? [];
    if (this.#drawn === '') this.#sheet.replaceSync(`${style} svg{display:block;width:100%;height:auto}`);
    if (picture !== this.#drawn) this.#shadow.innerHTML = picture.replace(/<style>.*?<\/style>/s, '');
    this.#drawn = picture;
    const at = (time - lanes.from) / 1000;
    this.#cursor.hidden = time >= until || at < 0;
    this.#cursor.style.left = `${shareAt(lanes.timeline, at) * 100}%`;
  }
}
