// Which clients the server accepts, which it dismisses, and how it stops.

import { endBy } from '../cli/end-by.ts';
import { dropLinesUnless, log } from '../cli/log.ts';
import { Deadlines } from '../sockets/deadlines.ts';
import type { Address } from '../sockets/socket.ts';
import { Timer } from '../sockets/timer.ts';
import { canWrite } from './can-write.ts';
import type { Limits } from './limits.ts';
import { Watch } from './watch.ts';

/** A connection, as its guard sees it. */
export type Guarded = {
  readonly address: Address;
  /** Sends the client a line. */
  tell(line: string): void;
  /** Closes when the kernel has taken all that was sent. */
  finish(): void;
  /** Closes at once. Bytes that the kernel has not taken are lost. */
  cutOff(why: string): void;
  /** Goes on with the lines that have arrived already. */
  resume(): void;
};

/** How long connections have to send their last answers when the time to drain is over, in milliseconds. */
const LAST_ANSWERS = 1000;

/** Keeps the clients of one server within its limits. One timer serves all deadlines. */
export class Guard {
  readonly limits: Limits;
  readonly guests = new Map<Guarded, Watch>();
  /** For the metrics. */
  readonly counters = { accepted: 0, received: 0, sent: 0 };
  /** How many clients were refused, dismissed or cut off, by the reason. */
  readonly offenders = new Map<string, number>();
  draining = false;
  /** The client whose line the server is answering. */
  speaker: Watch | undefined;
  readonly #perHost = new Map<string, number>();
  readonly #deadlines = new Deadlines();
  readonly #timer = new Timer(() => this.#ring());
  #finish = (): Promise<void> => Promise.resolve();

  constructor(limits: Limits) {
    this.limits = limits;
    dropLinesUnless(canWrite);
  }

  /** Whether the server accepts one more client. If not, calls `refuse` with the message for the client. */
  admits(address: Address, refuse: (line: Buffer) => void): boolean {
    const why = this.#refusal(address.host);
    if (why === undefined) return true;
    this.#count('refused', why, address);
    refuse(Buffer.from(`ERROR ${why}\n`));
    return false;
  }

  #refusal(host: string): string | undefined {
    if (this.guests.size >= this.limits.maxClients) return 'full';
    const { maxPerAddress } = this.limits;
    return (this.#perHost.get(host) ?? 0) >= maxPerAddress ? 'too many connections' : undefined;
  }

  /** Watches a client. The connection tells the watch what happens, and calls {@link leave} when it has closed. */
  enter(guest: Guarded): Watch {
    const watch = new Watch(this, guest);
    this.guests.set(guest, watch);
    const { host } = guest.address;
    this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1);
    this.counters.accepted++;
    return watch;
  }

  leave(guest: Guarded): void {
    this.guests.get(guest)?.end();
    if (!this.guests.delete(guest)) return;
    const { host } = guest.address;
    const left = (this.#perHost.get(host) ?? 0) - 1;
    if (left > 0) this.#perHost.set(host, left);
    else this.#perHost.delete(host);
    if (this.draining && this.guests.size === 0) this.#stop();
  }

  /** Tells a client why it has to leave, and closes. */
  dismiss(guest: Guarded, why: string): void {
    this.#count('dismissed', why, guest.address);
    guest.tell(`ERROR ${why}`);
    guest.finish();
    this.guests.get(guest)?.finished();
  }

  /** Closes the connection of a client that does not read, without a message. */
  cutOff(guest: Guarded, why: string): void {
    this.#count('cut off', why, guest.address);
    this.guests.get(guest)?.end(); // Its connection may call leave() much later.
    guest.cutOff(why);
  }

  /** Calls a function at a time, on the clock of `performance.now()`. Returns a function that cancels it. */
  at(time: number, call: () => void): () => void {
    const cancel = this.#deadlines.add(time, call);
    this.#timer.set(time);
    return cancel;
  }

  /**
   * On SIGTERM or Ctrl-C, closes the listeners, and tells all clients. Ends the program when the last has disconnected, or
   * after so many seconds (0: no limit). A second signal ends the program at once.
   *
   * @param finish is called before the program ends
   */
  drainOnSignal(
    seconds: number,
    listeners: readonly { close(): void }[],
    finish = (): Promise<void> => Promise.resolve(),
  ): void {
    this.#finish = finish;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (this.draining) endBy(signal);
        this.draining = true;
        for (const listener of listeners) listener.close();
        this.#drain(seconds);
      });
    }
  }

  #drain(seconds: number): void {
    log(`stopping, with ${counted(this.guests.size, 'client')} connected`);
    if (this.guests.size === 0) this.#stop();
    const when = seconds === 0 ? 'when all have left' : `in ${counted(seconds, 'second')}`;
    for (const guest of this.guests.keys()) guest.tell(`* the server stops ${when}`);
    if (seconds === 0) return;
    this.at(performance.now() + 1000 * seconds, () => {
      for (const guest of this.guests.keys()) guest.finish();
      this.at(performance.now() + LAST_ANSWERS, () => this.#stop());
    });
  }

  #stop(): void {
    void this.#finish().finally(() => {
      log('stopped');
      process.exit(0);
    });
  }

  #count(what: 'refused' | 'dismissed' | 'cut off', why: string, address: Address): void {
    log(`${address} ${what}: ${why}`);
    this.offenders.set(why, (this.offenders.get(why) ?? 0) + 1);
  }

  #ring(): void {
    this.#deadlines.callUntil(performance.now());
    this.#timer.set(this.#deadlines.first);
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
