// The scene of the four clients: you guess which of them get an answer, and then see which do.

import type { ClientEvent, TourEvent } from '../shared/events.ts';
import { button, h } from './dom.ts';
import type { Side } from './side.ts';

const others = ['B', 'C', 'D'];

export class Scene {
  readonly element = h('section', { class: 'scene', 'aria-label': 'The scene' });
  readonly #sides: readonly Side[];
  readonly #verdict = h('p', { class: 'verdict', role: 'status' });
  readonly #boxes = others.map((name) => h('input', { type: 'checkbox', value: name }));
  readonly #speed = h(
    'select',
    { 'aria-label': 'Speed' },
    ...[1, 4, 10].map((slower) =>
      h('option', { value: slower }, slower === 1 ? 'real speed' : `${slower} times slower`),
    ),
  );
  #guess: string[] | undefined;

  /** @param play plays the scene, so many times slower than real */
  constructor(sides: readonly Side[], play: (slower: number) => void) {
    this.#sides = sides;
    this.#speed.value = '4';
    const asks = sides.some(({ content }) => content.asks);
    const start = button('▶ Play the scene', () => {
      this.#guess = this.#boxes.filter(({ checked }) => checked).map(({ value }) => value);
      play(Number(this.#speed.value));
    });
    start.classList.add('primary');
    this.element.append(
      h('h2', {}, 'The scene'),
      h(
        'p',
        {},
        `A connects, and ${asks ? 'asks for a number that takes long to compute' : 'sends nothing'}. B sends a line from time to time. C sends 8 MB, and reads the answer slowly. D connects late.`,
      ),
      h(
        'fieldset',
        {},
        h('legend', {}, 'Which clients get an answer while A is connected?'),
        ...this.#boxes.map((box) => h('label', {}, box, box.value)),
      ),
      h('div', { class: 'row' }, start, this.#speed),
      this.#verdict,
    );
  }

  /** After A has left, says which clients had an answer before. */
  show(times: readonly number[]): void {
    const texts = this.#sides.flatMap(({ events, content }, i) => {
      const answered = answeredBefore(events, times[i] ?? 0);
      if (!answered) return [];
      const seen = `${this.#sides.length > 1 ? `${content.name}: ` : ''}Answered: ${list(answered)}.`;
      const right = `${answered}` === `${this.#guess}`;
      return this.#guess
        ? [`${seen} ${right ? '✔ As you guessed.' : `You guessed: ${list(this.#guess)}.`}`]
        : [seen];
    });
    const text = texts.join(' ');
    if (this.#verdict.textContent !== text) this.#verdict.textContent = text;
  }
}

function list(names: readonly string[]): string {
  return names.join(' and ') || 'none';
}

/** The clients that received something before A left; undefined while A is connected. */
function answeredBefore(events: readonly TourEvent[], time: number): string[] | undefined {
  const begin = events.findLast((event) => event.kind === 'scene')?.time;
  const own = events.filter(
    (one): one is ClientEvent => one.kind === 'client' && one.time >= (begin ?? 0) && one.time <= time,
  );
  const left = own.find(({ name, what }) => name === 'A' && what === 'closes')?.time;
  if (begin === undefined || left === undefined) return undefined;
  return others.filter((name) =>
    own.some((one) => one.name === name && one.what === 'receives' && one.time < left),
  );
}
