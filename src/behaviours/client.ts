import { connect, type Socket } from 'node:net';
import { ExpectationError, Inbox, PATIENCE } from './inbox.ts';

/** A user: a TCP connection that says just what it is told to, in just these pieces. */
export class Client {
  readonly socket: Socket;
  readonly #inbox: Inbox;

  private constructor(socket: Socket, patience: number) {
    this.socket = socket;
    this.#inbox = new Inbox('client', patience);
    socket.on('data', (bytes) => this.#inbox.push(bytes));
    socket.on('close', () => this.#inbox.end());
    socket.on('end', () => this.#inbox.end());
    socket.on('error', () => {}); // 'close' follows, and nobody waits for more than that.
  }

  /** @throws ExpectationError if nobody listens */
  static connect(port: number, patience = PATIENCE): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
      socket.once('error', (error) => reject(new ExpectationError(error.message)));
      socket.once('connect', () => resolve(new Client(socket, patience)));
    });
  }

  /** Sends this as one piece, and waits until the kernel has it. */
  send(data: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(data, () => resolve()));
  }

  line(): Promise<string> {
    return this.#inbox.line();
  }

  bytes(count: number): Promise<Buffer> {
    return this.#inbox.bytes(count);
  }

  rest(): Promise<string> {
    return this.#inbox.rest();
  }

  /** Waits until this has come, among other things. */
  has(text: string): Promise<void> {
    return this.#inbox.has(text);
  }

  /** What has come and was not asked for. */
  get waiting(): string {
    return this.#inbox.waiting;
  }

  /** Says that nothing more will come from here: a half-close. What the server still says is received. */
  end(): void {
    this.socket.end();
  }

  /** Goes, like a program that is closed. */
  close(): void {
    this.socket.destroy();
  }

  /** Goes, and lets the server find a connection that is broken: an RST in place of a FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}
