/** The longest time that `setTimeout()` takes. A longer wait takes several timers. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/** One timer of Node for the earliest of many times. It does not keep the process alive. */
export class Timer {
  readonly #ring: () => void;
  #timeout: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;

  /** @param ring is called when the earliest time comes. After a wait of weeks, it is called too early: set the timer again then */
  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at this time, on the clock of `performance.now()`, unless it is to ring earlier. */
  set(time: number): void {
    if (time >= this.#due) return;
    clearTimeout(this.#timeout);
    this.#due = time;
    const ring = () => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#ring();
    };
    const left = Math.max(0, Math.ceil(time - performance.now()));
    this.#timeout = setTimeout(ring, Math.min(left, MAX_MILLISECONDS)).unref();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}
