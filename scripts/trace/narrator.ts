// Turns the events of a trace into lines of text: which thread waits, at which line of the code, and for how long.

import type { CoroutineWait, SystemCall, TraceEvent } from '../../src/sockets/trace-event.ts';
import { sourceOf } from './source.ts';
import { counted, duration, outcome } from './wording.ts';

/** Calls that take less time than this are folded, in microseconds. */
const SHORT = 1000;

/** A thread, and what it does. */
type Thread = {
  name: string;
  pid: number;
  /** The call that the thread is in. */
  call: (TraceEvent & SystemCall) | undefined;
  /** The waits of its coroutines, by the number of the event. */
  waits: Map<number, TraceEvent & CoroutineWait>;
  /** The names of the short calls that are not printed yet. */
  folded: string[];
  /** When the thread last returned to Node's own loop, if it runs that. */
  idle: number | undefined;
  /** Whether the wait of the thread is printed. */
  shown: boolean;
  /** Whether its coroutines have begun or ended waits since the last look. */
  changed: boolean;
};

export class Narrator {
  readonly #all: boolean;
  readonly #print: (line: string) => void;
  readonly #threads = new Map<string, Thread>();
  /** What each descriptor of a process is: `connection 20`. */
  readonly #names = new Map<string, string>();
  #zero: number | undefined;

  /** @param all whether short calls have a line each */
  constructor(all: boolean, print: (line: string) => void) {
    this.#all = all;
    this.#print = print;
  }

  take(event: TraceEvent): void {
    const thread = this.#threadOf(event);
    if ('call' in event) this.#takeCall(thread, event);
    else if (event.wait === 'node') thread.idle = event.begin;
    else {
      const { begin, took } = event;
      if (took === undefined) thread.waits.set(event.id, event);
      else thread.waits.delete(event.id);
      if (thread.idle === undefined || thread.call) return;
      thread.idle = begin + (took ?? 0);
      thread.shown = false;
      thread.changed = true;
    }
  }

  /** Prints the threads that wait at this time, on the clock of the events. Returns whether to look again a little later. */
  look(now: number): boolean {
    let later = false;
    for (const thread of this.#threads.values()) {
      const since = thread.call?.begin ?? thread.idle;
      if (thread.shown || since === undefined) continue;
      if (!thread.call && thread.changed) {
        thread.changed = false; // More of its waits may be on their way.
        later = true;
      } else if (now - since >= SHORT) this.#showWait(thread, thread.call, since);
      else later = true;
    }
    return later;
  }

  #takeCall(thread: Thread, call: TraceEvent & SystemCall): void {
    const { pid, fd, result = -1, took } = call;
    if (took === undefined) {
      thread.call = call;
      thread.shown = false;
      return;
    }
    const end = call.begin + took;
    if (call.call === 'listen') this.#names.set(`${pid} ${fd}`, 'listener');
    if (call.call === 'accept' && result >= 0) this.#names.set(`${pid} ${result}`, `connection ${result}`);
    const told = [duration(took), outcome(call)].filter(Boolean).join(', ');
    const { place, text } = sourceOf(call);
    if (took >= SHORT) {
      if (!thread.shown) this.#showWait(thread, call, call.begin);
      this.#show(thread, end, `${place}  ${call.error ? '✘' : '✔'} ${told}`);
    } else if (this.#all) this.#show(thread, end, `${place}  ${text}  ${call.call}, ${told}`);
    else thread.folded.push(call.call);
    thread.call = undefined;
    thread.shown = false;
    if (thread.idle !== undefined) thread.idle = end;
  }

  /** Prints that a thread waits, in a call or in Node's own loop, and then where its coroutines are suspended. */
  #showWait(thread: Thread, call: (TraceEvent & SystemCall) | undefined, since: number): void {
    const { place, text } = call ? sourceOf(call) : { place: "Node's own loop", text: '' };
    const name = this.#names.get(`${thread.pid} ${call?.fd}`);
    const coroutines = !call || /poll|epoll_wait/.test(call.call) ? byDescriptor(thread.waits.values()) : [];
    const told = [
      call ? `⏳ waits in ${call.call}()` : '⏳ waits',
      name?.startsWith('connection') && name,
      alsoWait(coroutines.length),
    ];
    this.#show(thread, since, `${[place, text, told.filter(Boolean).join(', ')].filter(Boolean).join('  ')}`);
    for (const wait of coroutines) {
      const { place, text } = sourceOf(wait);
      const name = this.#names.get(`${wait.pid} ${wait.fd}`);
      const told = [`⏳ ${wait.wait}`, name, `for ${duration(since - wait.begin)}`]
        .filter(Boolean)
        .join(', ');
      this.#print(`${' '.repeat(INDENT)}${place}  ${text}  ${told}`);
    }
    thread.shown = true;
  }

  #show(thread: Thread, time: number, text: string): void {
    this.#zero ??= time;
    const width = Math.max(...Array.from(this.#threads.values(), ({ name }) => name.length)) + 2;
    const who = this.#threads.size > 1 ? thread.name.padEnd(width) : '';
    if (thread.folded.length > 0)
      this.#print(`${' '.repeat(INDENT)}${who}… ${counted(thread.folded.splice(0))}`);
    const seconds = (Math.max(0, time - this.#zero) / 1_000_000).toFixed(3);
    this.#print(`${seconds.padStart(INDENT - 2)}  ${who}${text}`);
  }

  #threadOf({ pid, thread: id }: TraceEvent): Thread {
    const key = `${pid} ${id}`;
    const [first] = this.#threads.values();
    const name = first && first.pid !== pid ? `process ${pid}` : id > 0 ? `thread ${id}` : 'main';
    const known = this.#threads.get(key) ?? {
      ...{
        name,
        pid,
        call: undefined,
        waits: new Map(),
        folded: [],
        idle: undefined,
        shown: false,
        changed: false,
      },
    };
    this.#threads.set(key, known);
    return known;
  }
}

/** The width of the time, with the space behind it. */
const INDENT = 9;

/** In the order of their descriptors. Coroutines that sleep come last. */
function byDescriptor<Own extends CoroutineWait>(waits: Iterable<Own>): Own[] {
  const place = ({ fd = Number.POSITIVE_INFINITY }: Own) => fd;
  return [...waits].sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

function alsoWait(coroutines: number): string {
  if (coroutines === 0) return '';
  return coroutines === 1 ? 'and so does a coroutine:' : `and so do ${coroutines} coroutines:`;
}
