// The connection to Redis. It carries answers and published results, so all arrive in one order (RESP 3).

import { fail } from '../cli/fail.ts';
import { SCRIPT } from './script.ts';

/** How old a question may be when Redis carries it out, in milliseconds. */
const PATIENCE = 2000;
/** The pause between two attempts to connect, in milliseconds. */
const RETRY = 500;
/** A connection without a byte for so many milliseconds is broken. */
const SILENCE = 10_000;

type Client = Awaited<ReturnType<typeof newClient>>;

async function newClient(url: string) {
  const redis = await import('redis').catch(() =>
    fail('Cannot use --redis: its library is not installed; npm install redis does that'),
  );
  try {
    return redis.createClient({
      url,
      RESP: 3,
      disableOfflineQueue: true, // A question that can't be sent now is not sent later.
      socket: { reconnectStrategy: () => RETRY, socketTimeout: SILENCE },
    });
  } catch (error) {
    return fail(`Cannot use --redis ${JSON.stringify(url)}: ${(error as Error).message}`);
  }
}

/** Ends the program with one line if Redis can't be reached. */
export async function expectRedis(url: string): Promise<void> {
  const client = await newClient(url);
  const problem = await new Promise<string | undefined>((resolve) => {
    client.on('error', ({ code, message }) => resolve(code ?? message));
    setTimeout(() => resolve('it does not answer'), SILENCE).unref();
    client.connect().then(
      () => resolve(undefined),
      () => {},
    ); // 'error' reports it.
  });
  client.destroy();
  if (problem) fail(`Cannot reach Redis at ${new URL(url).host}: ${problem}`);
}

/** Asks Redis to run {@link SCRIPT}, and receives what the script publishes. Reconnects by itself. */
export class Link {
  readonly #client: Client;
  readonly #channel: string;
  readonly #own: string;
  readonly #received: (message: string) => void;
  #subscribed = false;
  #script = '';
  /** Add this to `performance.now()` for the time of Redis, in milliseconds. It may be too small, never too large. */
  #clock = Number.NaN;

  private constructor(client: Client, url: string, process: string, received: (message: string) => void) {
    this.#client = client;
    this.#channel = `chat:${Number(new URL(url).pathname.slice(1))}`; // All databases of a Redis share its channels.
    this.#own = `${this.#channel}:${process}`;
    this.#received = received;
  }

  /** Begins to connect. @param process the name of this process. @param on a function for each event */
  static async open(
    url: string,
    process: string,
    on: { connected(): void; lost(why: string): void; received(message: string): void },
  ): Promise<Link> {
    const client = await newClient(url);
    client.on('ready', () => on.connected());
    client.on('error', (error: NodeJS.ErrnoException) => on.lost(error.code ?? error.message));
    client.connect().catch(() => {}); // 'error' reports it.
    return new Link(client, url, process, (message) => on.received(message));
  }

  get connected(): boolean {
    return this.#client.isReady;
  }

  /** Subscribes, and loads the script, which Redis forgets when it ends. */
  async prepare(): Promise<void> {
    // node-redis subscribes again by itself, but only if an earlier subscribe() has succeeded.
    if (!this.#subscribed) await this.#client.subscribe([this.#channel, this.#own], this.#received);
    this.#subscribed = true;
    this.#script = await this.#client.scriptLoad(SCRIPT);
  }

  /** Sets the clock of Redis. The answer is old when it arrives, so a question gets less time, not more. */
  setClock(time: number): void {
    this.#clock = time - performance.now();
  }

  /** Runs the script. @param always whether Redis may also run it after the deadline */
  ask(what: string, always: boolean, ...more: (string | number)[]): Promise<unknown> {
    const deadline = always
      ? Number.MAX_SAFE_INTEGER
      : Math.floor(performance.now() + this.#clock + PATIENCE);
    const args = [what, deadline, this.#channel, ...more].map(String);
    return this.#client.evalSha(this.#script, { arguments: args });
  }

  close(): void {
    this.#client.destroy();
  }
}
