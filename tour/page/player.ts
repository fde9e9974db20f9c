// The moment that the page shows: now, a moment at which you have stopped, or the moments of a recording in turn.

import { button, h, setText } from './dom.ts';

/** The time that can be shown, in microseconds since the beginning. */
export type Extent = { length: number; grows: boolean };

export class Player {
  readonly element = h('div', { class: 'player', role: 'group', 'aria-label': 'Time' });
  /** The moment on the page, in microseconds since the beginning; undefined for now. */
  at: number | undefined;
  /** How many times slower than real a recording plays. */
  slower = 1;
  /** While you look at a moment: the end of the time shown, since the beginning. */
  frozen: number | undefined;
  #playing = false;
  #last = 0;
  readonly #extent: () => Extent | undefined;
  readonly #toggle = button('Pause', () => this.toggle(), { class: 'toggle' });
  readonly #slider = h('input', {
    type: 'range',
    min: 0,
    max: 1000,
    value: 1000,
    'aria-label': 'Moment',
    step: 1,
  });
  readonly #text = h('output', { class: 'moment' });

  constructor(extent: () => Extent | undefined) {
    this.#extent = extent;
    this.element.append(this.#toggle, this.#slider, this.#text);
    this.#slider.addEventListener('input', () => {
      this.stopAt((Number(this.#slider.value) / 1000) * this.#length());
    });
  }

  stopAt(at: number): void {
    this.at = at;
    this.frozen = this.#length();
    this.#playing = false;
  }

  /** Shows what happens now. */
  follow(): void {
    this.at = undefined;
    this.frozen = undefined;
  }

  #length(): number {
    return this.frozen ?? this.#extent()?.length ?? 0;
  }

  /** Plays from the beginning, or returns to now. */
  restart(): void {
    const grows = this.#extent()?.grows ?? true;
    this.follow();
    if (!grows) this.at = 0;
    this.#playing = !grows;
  }

  toggle(): void {
    const extent = this.#extent();
    if (!extent) return;
    if (this.#playing || this.at === undefined) this.stopAt(this.at ?? extent.length);
    else if (extent.grows) this.follow();
    else {
      if (this.at >= extent.length) this.at = 0;
      this.#playing = true;
    }
  }

  /** Goes on by the time that has passed. */
  tick(now: number): void {
    const extent = this.#extent();
    this.element.classList.toggle('empty', !extent);
    if (extent && this.#playing) {
      this.at = Math.min(extent.length, (this.at ?? 0) + ((now - this.#last) * 1000) / this.slower);
      if (this.at >= extent.length) this.#playing = false;
    }
    this.#last = now;
    if (!extent) return;
    const length = this.#length();
    const at = Math.min(this.at ?? length, length);
    const moves = this.#playing || (extent.grows && this.at === undefined);
    setText(this.#toggle, moves ? '❚❚ Pause' : extent.grows ? '▶ Now' : '▶ Play');
    if (document.activeElement !== this.#slider || moves) {
      this.#slider.value = `${length > 0 ? Math.round((at / length) * 1000) : 1000}`;
    }
    const text = `${(at / 1_000_000).toFixed(length < 10_000_000 ? 2 : 1)} s`;
    setText(this.#text, text);
    this.#slider.setAttribute('aria-valuetext', text);
  }
}
