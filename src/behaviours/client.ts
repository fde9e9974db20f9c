import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { quote } from '../cli/log.ts';
import { Socket as KernelSocket } from '../sockets/socket.ts';
import { ExpectationError, Inbox, type InboxOptions, type Why } from './inbox.ts';

/** One thing that a client did or saw. */
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
  /** The bytes sent or received, or their beginning. */
  bytes: Buffer;
  /** How many bytes there were in all. */
  length: number;
};

/** How many bytes of a piece are kept for the story. */
const KEPT = 100;

const STAR = '*'.charCodeAt(0);

export type ClientOptions = InboxOptions & {
  host?: string;
  /** Whether expect() skips lines that begin with `*`. At level 11, they tell that users join and leave. */
  notices?: boolean;
  /** Whether the kernel keeps few of the bytes that it has not read: see Socket.connect(). Linux only. */
  keepsLittle?: boolean;
  /** Called with each thing that the client does or sees, and all of its bytes. */
  onHappening?: (happening: Happening, bytes?: Buffer) => void;
};

/** The expected answer did not arrive, or another did. */
export class AnswerError extends ExpectationError {
  readonly client: Client;
  readonly expected: Buffer;
  /** The bytes that arrived in its place. */
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

/** A TCP client. It sends exactly these pieces, and keeps what the server sends. */
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
  static async connect(port: number, options: ClientOptions = {}): Promise<Client> {
    const { host = '127.0.0.1', keepsLittle } = options;
    try {
      if (keepsLittle && process.platform === 'linux') {
        const { fd } = KernelSocket.connect({ host, port, keepsLittle });
        return new Client(new Socket({ fd, allowHalfOpen: true }).setNoDelay(), options);
      }
      const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
      await once(socket, 'connect');
      return new Client(socket, options);
    } catch (error) {
      throw new ExpectationError((error as Error).message);
    }
  }

  /** Sends this as one piece. Waits until the kernel has taken it. */
  send(data: string | Buffer): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#note('sends', bytes);
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /**
   * Waits for exactly these bytes, and takes them.
   *
   * @throws AnswerError as soon as another byte arrives, or the end, or if nothing arrives in time
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
   * @param example a line that matches, for the message of the error
   * @throws AnswerError if another line arrives, or the end, or nothing
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

  /** Waits for a notice that matches, and takes it and the lines before it. @throws AnswerError if none arrives */
  async notice(pattern: RegExp, example: string): Promise<void> {
    await this.lineLike(pattern).catch(({ why }: ExpectationError) => {
      throw new AnswerError(this, Buffer.from(`${example}\n`), why ?? 'silence');
    });
  }

  /**
   * Waits for the end of the stream. Expects no answer before it.
   *
   * @throws AnswerError if an answer arrives, or if the end does not
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

  /** The bytes that have arrived, and are not taken yet, without the notices before them. */
  get answers(): Buffer {
    if (!this.#notices) return this.bytes;
    while (this.bytes[0] === STAR) {
      const length = this.bytes.indexOf('\n') + 1;
      if (length === 0) return this.bytes.subarray(0, 0); // The rest of this notice has yet to arrive.
      this.drop(length);
    }
    return this.bytes;
  }

  /** Whether the server has reset the connection without a FIN before. */
  async wasReset(): Promise<boolean> {
    const seen = this.history.map(({ what }) => what);
    if (!seen.includes('sees the end')) return seen.includes('sees a reset');
    if (!this.socket.writable || seen.lastIndexOf('sends') > seen.indexOf('sees the end')) return false;
    // libuv reports a reset right behind data as an end. Then a write fails. After a FIN, a write succeeds.
    return new Promise((resolve) => this.socket.write('\n', (error) => resolve(error != null)));
  }

  /** Ends its half of the connection. It still receives what the server sends. */
  end(): void {
    this.#note('ends its half');
    this.socket.end();
  }

  /** Closes the connection, as the kernel does when a program ends. */
  close(): void {
    if (!this.socket.destroyed) this.#note('closes');
    this.socket.destroy();
  }

  /** Resets the connection: the server receives an RST in place of a FIN. */
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
