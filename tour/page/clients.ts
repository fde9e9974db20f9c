// The clients: what each has sent and received, and, if a server runs, buttons for its actions.

import { duration } from '../../scripts/trace/wording.ts';
import type { ClientEvent, TourEvent } from '../shared/events.ts';
import { button, h, setText } from './dom.ts';

/** How many lines the page shows for a client. */
const SHOWN = 5;
/** From so many lines on, it says how many there were. */
const MANY = 1000;

type Do = (name: string, doing: string, text?: string) => void;

export class ClientCard {
  readonly element: HTMLElement;
  readonly #name: string;
  readonly #state = h('span', { class: 'state' });
  readonly #history = h('ol', { class: 'history' });
  readonly #totals = h('p', { class: 'totals', hidden: true });
  readonly #controls: HTMLElement[] = [];
  #connect: HTMLButtonElement | undefined;
  #reading: HTMLButtonElement | undefined;
  #key = '';

  constructor(name: string, act: Do | undefined) {
    this.#name = name;
    const title = h('h3', {}, name);
    this.element = h(
      'article',
      { class: 'client', 'aria-label': `Client ${name}` },
      h('header', {}, title, this.#state),
    );
    if (act) this.#addControls(act);
    this.element.append(this.#history, this.#totals);
  }

  /** Shows what the client did until this time. */
  show(events: readonly TourEvent[], time: number, canConnect: boolean): void {
    const all = events.filter(
      (one): one is ClientEvent => one.kind === 'client' && one.name === this.#name && one.time <= time,
    );
    const own = all.slice(all.findLastIndex(({ what }) => what === 'connects' || what === 'is refused'));
    const { text, isOpen, isSilent } = stateOf(own, time);
    setText(this.#state, text);
    this.element.classList.toggle('open', isOpen);
    this.element.classList.toggle('waits', text.startsWith('◔'));
    if (this.#connect) {
      this.#connect.disabled = !canConnect && !isOpen;
      setText(this.#connect, isOpen ? 'Leave' : 'Connect');
    }
    if (this.#reading) setText(this.#reading, isSilent ? 'Read again' : 'Stop reading');
    for (const control of this.#controls) control.hidden = !isOpen;
    const [sent, received] = [linesOf(own, 'sends'), linesOf(own, 'receives')];
    this.#totals.hidden = Math.max(sent, received) < MANY;
    setText(this.#totals, `${counted(sent)} lines sent, ${counted(received)} received`);
    const shown = own.slice(-SHOWN);
    const key = `${own.length} ${shown.at(-1)?.length}`;
    if (key === this.#key) return;
    this.#key = key;
    this.#history.replaceChildren(
      ...shown.map((event) => h('li', { class: event.what.replaceAll(' ', '-') }, inWords(event))),
    );
  }

  #addControls(act: Do): void {
    const name = this.#name;
    const open = () => this.element.classList.contains('open');
    this.#connect = button('Connect', () => act(name, open() ? 'leaves' : 'connects'));
    this.element.querySelector('header')?.append(this.#connect);
    const input = h('input', {
      'aria-label': `What ${name} sends`,
      value: 'hello',
      autocomplete: 'off',
      spellcheck: false,
    });
    const say = h(
      'form',
      { class: 'say' },
      input,
      h('button', { title: 'Sends the line, with its end: \\n' }, 'Say ⏎'),
    );
    say.append(
      button('without ⏎', () => act(name, 'sends', input.value), {
        title: 'Sends the text, without the end of the line',
      }),
    );
    say.addEventListener('submit', (event) => {
      event.preventDefault();
      act(name, 'says', input.value);
      input.select();
    });
    this.#reading = button('Stop reading', () => {
      act(name, this.#reading?.textContent === 'Stop reading' ? 'stops reading' : 'reads again');
    });
    const more = h(
      'details',
      { class: 'more' },
      h('summary', {}, 'more actions'),
      this.#reading,
      button('Half-close', () => act(name, 'ends its half'), {
        title: 'Ends what it sends, and still reads',
      }),
      button('Reset', () => act(name, 'resets'), { title: 'Ends the connection with RST in place of FIN' }),
      button('Talk without end', () => act(name, 'talks without end', input.value), {
        title: 'Sends the line again and again, up to 20 MB',
      }),
    );
    this.#controls.push(say, more);
    this.element.append(say, more);
  }
}

/** The state of a client, by its events since it connected. */
function stateOf(
  own: readonly ClientEvent[],
  time: number,
): { text: string; isOpen: boolean; isSilent: boolean } {
  const last = (...what: ClientEvent['what'][]) => own.findLast((event) => what.includes(event.what));
  const isSilent = last('stops reading', 'reads again')?.what === 'stops reading';
  const [first] = own;
  if (!first) return { text: 'not connected', isOpen: false, isSilent };
  const ended = last('closes', 'resets', 'is refused', 'sees a reset');
  if (ended) return { text: endings[ended.what] ?? '', isOpen: false, isSilent };
  const said = last('sends');
  const heard = last('receives');
  const isHalf = last('ends its half') !== undefined;
  const closed = last('sees the end') ? 'the server has closed' : '';
  const waits = said && (!heard || heard.time < said.time) && !closed;
  const text = waits
    ? `◔ no answer for ${duration(time - said.time)}`
    : [closed || (isHalf ? 'half-closed' : 'connected'), isSilent ? 'does not read' : '']
        .filter(Boolean)
        .join(', ');
  return { text, isOpen: true, isSilent };
}

const endings: Partial<Record<ClientEvent['what'], string>> = {
  closes: 'has closed the connection',
  resets: 'has reset the connection',
  'sees a reset': 'was reset by the server',
  'is refused': 'was refused: the server does not listen',
};

function linesOf(own: readonly ClientEvent[], what: 'sends' | 'receives'): number {
  return own.reduce((sum, event) => sum + (event.what === what ? (event.lines ?? 0) : 0), 0);
}

function counted(count: number): string {
  return count.toLocaleString('en');
}

function inWords({ what, text, length = 0 }: ClientEvent): string {
  const size = length > 80 ? ` (${counted(length)} bytes)` : '';
  if (what === 'sends') return `→ ${text}${size}`;
  if (what === 'receives') return `← ${text}${size}`;
  return what;
}
