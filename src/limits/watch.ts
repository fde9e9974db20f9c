import type { Guard, Guarded } from './guard.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** After so many lines of one client, the server reads from the others. */
const LINES_IN_A_ROW = 100;

/** How long it then reads nothing from that client, in milliseconds: at least, and at most. */
const [TURN, LONGEST] = [1, 100];

/**
 * Watches one client. The connection tells the watch what happens, and the watch tells the connection when a limit is reached.
 *
 * One alarm serves all time limits of a client, and it is lazy: a byte that arrives moves the limits, but not the alarm. If the
 * alarm rings too early, the watch sets it again. So an idle client costs one alarm in five minutes, and a byte of a busy client
 * moves no alarm.
 */
export class Watch {
  readonly #guard: Guard;
  readonly #guest: Guarded;
  /** When the last byte arrived, or the server last began to read from the client again. */
  #heardAt = performance.now();
  /** The number of the line that has begun and not ended, and when it began. */
  #line: number | undefined;
  #begunAt = NEVER;
  /** How many bytes the server keeps for the client. */
  #owed = 0;
  /** Whether the kernel has no room for all of them. */
  #full = false;
  /** When the kernel last took some of them. */
  #movedAt = NEVER;
  /** Whether the server answers no lines of the client at the moment, and until when at least. */
  #hushed = false;
  #hushedUntil = 0;
  #lines = 0;
  /** How long the server waits before the client's next line, because a client that lags was sent the last line. */
  #pause = 0;
  #finished = false;
  #alarmAt = NEVER;
  #cancelAlarm = (): void => {};

  constructor(guard: Guard, guest: Guarded) {
    this.#guard = guard;
    this.#guest = guest;
    this.#setAlarm();
  }

  get owed(): number {
    return this.#owed;
  }

  /**
   * Whether the server may answer the next line of the client. If not, the watch calls the connection's `resume()` later. The
   * server waits in three cases:
   * - while it owes the client a quarter of the limit, so that the client's own answers never exceed the limit
   * - after many lines without a pause, so that other clients have a turn
   * - after a line to a client that lags: see {@link owes}
   */
  mayBeHeard(): boolean {
    if (this.#hushed) return false;
    if (this.#lags || this.#pause > 0 || ++this.#lines > LINES_IN_A_ROW)
      this.#hush(Math.max(this.#pause, TURN));
    else this.#guard.speaker = this;
    return !this.#hushed;
  }

  /** The line has been answered. Lines that others are sent from now on are not due to this client. */
  answered(): void {
    this.#guard.speaker = undefined;
  }

  /** Whether the server owes the client a quarter of the limit. */
  get #lags(): boolean {
    return this.#owed > this.#guard.limits.maxOwed / 4;
  }

  /** Bytes have arrived. @param line the number of the line that has begun and not ended, undefined if there is none */
  heard(bytes: number, line?: number): void {
    this.#guard.counters.received += bytes;
    this.#heardAt = performance.now();
    if (!this.#hushed) this.#lines = 0;
    if (line !== this.#line) this.#begunAt = line === undefined ? NEVER : this.#heardAt;
    this.#line = line;
    this.#setAlarm();
  }

  /**
   * So many bytes are to be sent. Returns whether to keep them: not if the client is about to be cut off. When the client lags,
   * the next line of the speaker waits: as long as the kernel has taken nothing, at most a tenth of a second. So a slow reader
   * has time to catch up, and a client that never reads stops no other.
   */
  owes(bytes: number): boolean {
    const { maxOwed } = this.#guard.limits;
    if (this.#full && this.#owed > maxOwed) return false;
    this.#owed += bytes;
    const { speaker } = this.#guard;
    if (this.#lags && speaker && speaker !== this) {
      speaker.#pause = Math.min(Math.max(performance.now() - this.#movedAt, TURN), LONGEST);
    }
    if (this.#full && this.#owed > maxOwed) this.#setAlarm();
    return true;
  }

  /** One send() has offered the kernel all bytes owed, and it took so many. */
  took(bytes: number): void {
    this.#guard.counters.sent += bytes;
    this.#owed -= bytes;
    const full = this.#owed > 0;
    if (bytes > 0 || full !== this.#full) this.#movedAt = full || this.#finished ? performance.now() : NEVER;
    this.#full = full;
    if (this.#hushed) this.#unhush();
    if (this.#hushed || full) this.#setAlarm();
  }

  /** The connection is closed. */
  end(): void {
    this.#cancelAlarm();
    this.#alarmAt = -NEVER; // No time is earlier, so #setAlarm() sets no alarm any more.
  }

  /** The server reads no more: the client has ended its stream, or has to leave. Only the stall timeout counts now. */
  finished(): void {
    this.#finished = true;
    this.#movedAt = performance.now();
    this.#setAlarm();
  }

  /** A line is too long. */
  tooLong(): void {
    this.#guard.dismiss(this.#guest, 'line too long');
  }

  #hush(milliseconds: number): void {
    this.#hushed = true;
    this.#hushedUntil = performance.now() + milliseconds;
    this.#setAlarm();
  }

  #unhush(): void {
    const now = performance.now();
    if (now < this.#hushedUntil || this.#lags) return;
    this.#hushed = false;
    this.#lines = 0;
    this.#pause = 0;
    this.#heardAt = now; // While the server did not read, the client was not idle.
    if (this.#begunAt !== NEVER) this.#begunAt = now;
    this.#guest.resume();
  }

  /** When the first time limit is reached, as things are now. */
  #due(): number {
    const { maxOwed, lineTimeout, idleTimeout, stallTimeout } = this.#guard.limits;
    if (this.#full && this.#owed > maxOwed) return 0;
    const stall = this.#movedAt + stallTimeout;
    if (this.#finished) return stall;
    if (this.#hushed) return this.#lags ? stall : Math.min(stall, this.#hushedUntil);
    return Math.min(stall, this.#heardAt + idleTimeout, this.#begunAt + lineTimeout);
  }

  #setAlarm(): void {
    const due = this.#due();
    if (due >= this.#alarmAt) return;
    this.#cancelAlarm();
    this.#alarmAt = due;
    this.#cancelAlarm = this.#guard.at(due, () => this.#ring());
  }

  #ring(): void {
    const { maxOwed, lineTimeout, stallTimeout } = this.#guard.limits;
    const now = performance.now();
    this.#alarmAt = NEVER;
    if (this.#hushed) this.#unhush();
    if (now >= this.#due()) {
      if (this.#full && this.#owed > maxOwed) this.#guard.cutOff(this.#guest, 'owed too much');
      else if (now >= this.#movedAt + stallTimeout) this.#guard.cutOff(this.#guest, 'stalled');
      else if (now >= this.#begunAt + lineTimeout) this.#guard.dismiss(this.#guest, 'line timeout');
      else this.#guard.dismiss(this.#guest, 'idle timeout');
    }
    this.#setAlarm();
  }
}
