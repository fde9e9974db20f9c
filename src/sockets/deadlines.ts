/** A function to call at a time, and its place in the heap. */
type Entry = { readonly time: number; readonly order: number; readonly call: () => void; place: number };

/**
 * Functions to call at their times, unless they are cancelled. They are in a binary heap: an array in which the entry at `i` is
 * due before the entries at `2 * i + 1` and `2 * i + 2`. So the first entry is due before all others, and to add or to cancel an
 * entry moves few others: among 10,000, at most 13.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  #added = 0;

  /** The earliest time, Infinity if there is none. */
  get first(): number {
    return this.#heap[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  /** Adds a function. Returns another one, which cancels it, and does nothing after its time. */
  add(time: number, call: () => void): () => void {
    const entry = { time, order: this.#added++, call, place: this.#heap.length };
    this.#rise(entry);
    return () => this.#remove(entry);
  }

  /** Calls the functions whose time has come, in the order of their times, and at the same time in the order of add(). */
  callUntil(now: number): void {
    for (let entry = this.#heap[0]; entry && entry.time <= now; entry = this.#heap[0]) {
      this.#remove(entry);
      entry.call();
    }
  }

  #remove(entry: Entry): void {
    if (this.#heap[entry.place] !== entry) return;
    const last = this.#heap.pop() as Entry;
    if (last === entry) return;
    last.place = entry.place; // The last entry fills the gap, and then rises or sinks from there.
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: Entry): void {
    while (entry.place > 0) {
      const above = this.#heap[(entry.place - 1) >> 1] as Entry;
      if (isBefore(above, entry)) break;
      this.#swap(entry, above);
    }
    this.#heap[entry.place] = entry;
  }

  #sink(entry: Entry): void {
    while (true) {
      const left = this.#heap[2 * entry.place + 1];
      const right = this.#heap[2 * entry.place + 2];
      const below = left && right && isBefore(right, left) ? right : left;
      if (!below || isBefore(entry, below)) break;
      this.#swap(entry, below);
    }
    this.#heap[entry.place] = entry;
  }

  /** Exchanges the places of two entries. Writes only the second to the heap: the first may move on. */
  #swap(entry: Entry, other: Entry): void {
    [entry.place, other.place] = [other.place, entry.place];
    this.#heap[other.place] = other;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time === b.time ? a.order < b.order : a.time < b.time;
}
