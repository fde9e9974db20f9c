import { connect, type Socket } from 'node:net';
import { quote } from '../cli/log.ts';
import { ExpectationError, Inbox, type InboxOptions, type Why } from './inbox.ts';

/** Something that a client did or saw. */
export type Happening = {
  /** When, in milliseconds, on the clock of performance.now(). */
  time: number;
  what:
    | 'connects'
    | 'sends'
    | 'receives'
    | 'ends its half'
    | 'closes'
    | 'resets'
    | 'sees the end'
    | 'sees a reset';
  /** What was sent or received: of much, only the beginning. */
  bytes: Buffer;
  /** How many bytes that were in all. */
  length: number;
};

/** Of a piece, this much is kept to be shown, in bytes. */
const KEPT = 100;

const STAR = '*'.charCodeAt(0);

export type ClientOptions = InboxOptions & {
  host?: string;
  /** At level 11, lines that begin with `*` tell who comes and goes. Where this is true, expect() passes over them. */
  notices?: boolean;
  /** Is told each thing that the client does or sees, when it does, with all the bytes. */
  onHappening?: (happening: Happening, bytes?: Buffer) => void;
};

/** An answer that did not come, or not as it was expected. */
export class AnswerError extends ExpectationError {
  readonly client: Client;
  readonly expected: Buffer;
  /** What came in its place. */
  readonly received: Buffer;

  constructor(client: Client, expected: Buffer, why: Why) {
    const received = Buffer.from(client.answers.subarray(0, expected.length + KEPT));
    super(`${brief(received)} in place of ${brief(expected)}: ${why}`, why);
    this.client = client;
    this.expected = expected;
    this.received = received;
  }
}

function brief(bytes: Buffer): string {
  return quote(bytes.subarray(0, KEPT));
}

/** A TCP client, which sends just what it is told to, in just these pieces. It holds what the server has sent. */
export class Client extends Inbox {
  readonly socket: Socket;
  readonly history: Happening[] = [];
  readonly #notices: boolean;
  readonly #told: NonNullable<ClientOptions['onHappening']>;

  private constructor(socket: Socket, options: ClientOptions) {
    super('client', options);
    this.socket = socket;
    this.#notices = options.notices ?? false;
    this.#told = options.onHappening ?? (() => {});
    this.#note('connects');
    socket.on('data', (bytes) => {
      this.#note('receives', bytes);
      this.push(bytes);
    });
    socket.on('end', () => {
      this.#note('sees the end');
      this.over();
    });
    socket.on('error', () => this.#note('sees a reset')); // 'close' follows.
    socket.on('close', () => this.over());
  }

  /** @throws ExpectationError if the connection is refused */
  static connect(port: number, options: ClientOptions = {}): Promise<Client> {
    const { host = '127.0.0.1' } = options;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
      socket.once('error', (error) => reject(new ExpectationError(error.message)));
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new Client(socket, options));
      });
    });
  }

  /** Sends this as one piece, and waits until the kernel has it. */
  send(data: string | Buffer): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#note('sends', bytes);
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /**
   * Waits for just these bytes, and takes them.
   *
   * @throws AnswerError as soon as another byte comes, or the end, or when none comes
   */
  async expect(expected: string | Buffer): Promise<void> {
    const wanted = Buffer.from(expected);
    const seen = () => this.answers.subarray(0, wanted.length);
    const isOver = () => seen().length === wanted.length || !wanted.subarray(0, seen().length).equals(seen());
    await this.until('an answer', isOver).catch(({ why }: ExpectationError) => {
      throw new AnswerError(this, wanted, why ?? 'silence');
    });
    if (!seen().equals(wanted)) throw new AnswerError(this, wanted, 'other');
    await this.take(wanted.length);
  }

  /**
   * Waits for an answer of one line that matches, takes it, and returns it without its `\n`.
   *
   * @param example what is shown where another line comes
   * @throws AnswerError if another line comes, or the end, or none
   */
  async match(pattern: RegExp, example: string): Promise<string> {
    const expected = Buffer.from(`${example}\n`);
    await this.until('a line', () => this.answers.includes('\n')).catch(({ why }: ExpectationError) => {
      throw new AnswerError(this, expected, why ?? 'silence');
    });
    const line = `${this.answers.subarray(0, this.answers.indexOf('\n'))}`;
    if (!pattern.test(line)) throw new AnswerError(this, expected, 'other');
    return this.line();
  }

  /** Waits for a notice that matches, and takes it and the lines before it. @throws AnswerError if there is none */
  async notice(pattern: RegExp, example: string): Promise<void> {
    await this.lineLike(pattern).catch(({ why }: ExpectationError) => {
      throw new AnswerError(this, Buffer.from(`${example}\n`), why ?? 'silence');
    });
  }

  /**
   * Waits for the end, and that no answer comes before it.
   *
   * @throws AnswerError if one comes, or if the end does not
   */
  async expectEnd(): Promise<void> {
    const nothing = Buffer.alloc(0);
    await this.until('the end', () => this.ended || this.answers.length > 0).catch(
      ({ why }: ExpectationError) => {
        throw new AnswerError(this, nothing, why ?? 'silence');
      },
    );
    if (this.answers.length > 0) throw new AnswerError(this, nothing, 'other');
  }

  /** What has arrived and was not taken, without the notices before it. */
  get answers(): Buffer {
    if (!this.#notices) return this.bytes;
    while (this.bytes[0] === STAR) {
      const length = this.bytes.indexOf('\n') + 1;
      if (length === 0) return this.bytes.subarray(0, 0); // half of a notice
      this.drop(length);
    }
    return this.bytes;
  }

  /** Whether the server has reset the connection, and has not closed it before. */
  async wasReset(): Promise<boolean> {
    const seen = this.history.map(({ what }) => what);
    if (!seen.includes('sees the end')) return seen.includes('sees a reset');
    if (!this.socket.writable || seen.lastIndexOf('sends') > seen.indexOf('sees the end')) return false;
    // libuv reports a reset right behind data as an end. A write fails then, but not after an end in good order.
    return new Promise((resolve) => this.socket.write('\n', (error) => resolve(error != null)));
  }

  /** Ends its half of the connection. What the server still sends is received. */
  end(): void {
    this.#note('ends its half');
    this.socket.end();
  }

  /** Closes the connection, as a program does that ends. */
  close(): void {
    if (!this.socket.destroyed) this.#note('closes');
    this.socket.destroy();
  }

  /** Breaks the connection: the server receives an RST in place of a FIN. */
  reset(): void {
    this.#note('resets');
    this.socket.resetAndDestroy();
  }

  #note(what: Happening['what'], bytes?: Buffer): void {
    const last = this.history.at(-1);
    const happening = { time: performance.now(), what, ...beginning(bytes) };
    this.#told({ ...happening }, bytes);
    if (bytes && last?.what === what && last.length >= KEPT) last.length += bytes.length;
    else this.history.push(happening);
  }
}

function beginning(bytes: Buffer = Buffer.alloc(0)): Pick<Happening, 'bytes' | 'length'> {
  return { bytes: Buffer.from(bytes.subarray(0, KEPT)), length: bytes.length };
}
