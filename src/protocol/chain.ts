// A chain of protocols. Bytes go up, and become lines, text and commands on their way. Answers come down.
//
//   connection ── LineProtocol ── TextProtocol ── CommandProtocol
//      received(bytes)  →  received(line)  →  received(text)
//         send(bytes)   ←     send(line)   ←     send(text)
//
// No protocol does any I/O, so you can tie a chain to a socket, to an event loop, or to a test.

/** What a protocol sends to: the protocol below it in the chain, or, for the lowest, the connection. */
export type Transport<Message> = {
  send(message: Message): void;
  /** Closes the connection when all that was sent has gone out. */
  close(): void;
  /** Reports wrong input. The connection writes it to the log. */
  report(problem: string, bytes: Buffer): void;
};

/** What a transport delivers messages to: the protocol above it. */
export type Receiver<Message> = {
  /** The connection is open: the protocol may send. */
  opened(): void;
  received(message: Message): void;
  /** A message has more than `limit` bytes. The protocol closes the connection, and may send a last answer before. */
  tooLong(limit: number): void;
  /** The peer will send nothing more. It still receives answers. */
  ended(): void;
};

/** One link of a chain. The topmost acts on the messages that come up. */
export abstract class Protocol<Lower> implements Receiver<Lower> {
  /** Where it sends messages. {@link chain} sets it. */
  below!: Transport<Lower>;
  /** Whether the protocol ignores what is left in its buffers: close() was called, or a message is too long. */
  closed = false;

  abstract received(message: Lower): void;

  opened(): void {}

  tooLong(_limit: number): void {
    this.close();
  }

  ended(): void {}

  close(): void {
    this.closed = true;
    this.below.close();
  }

  report(problem: string, bytes: Buffer): void {
    this.below.report(problem, bytes);
  }
}

/** A link with another above it. It turns `Lower` messages into `Upper` messages on their way up, and back on their way down. */
export abstract class Layer<Lower, Upper> extends Protocol<Lower> implements Transport<Upper> {
  /** Where it delivers messages. {@link chain} sets it. */
  above!: Receiver<Upper>;

  abstract send(message: Upper): void;

  override opened(): void {
    this.above.opened();
  }

  override tooLong(limit: number): void {
    this.above.tooLong(limit);
  }

  override ended(): void {
    this.above.ended();
  }

  /** Reports that a message has more than `limit` bytes. The topmost protocol closes: messages may wait on their way to it. */
  protected refuse(problem: string, bytes: Buffer, limit: number): void {
    this.report(problem, bytes);
    this.closed = true;
    this.above.tooLong(limit);
  }
}

/**
 * Links protocols to each other, from the lowest to the topmost, and to the transport under them. Each connection needs new
 * ones. Returns the lowest: hand it the bytes that arrive.
 */
export function chain<A>(transport: Transport<A>, top: Protocol<A>): Receiver<A>;
export function chain<A, B>(transport: Transport<A>, first: Layer<A, B>, top: Protocol<B>): Receiver<A>;
export function chain<A, B, C>(
  transport: Transport<A>,
  first: Layer<A, B>,
  second: Layer<B, C>,
  top: Protocol<C>,
): Receiver<A>;
export function chain<A, B, C, D>(
  transport: Transport<A>,
  first: Layer<A, B>,
  second: Layer<B, C>,
  third: Layer<C, D>,
  top: Protocol<D>,
): Receiver<A>;
export function chain(transport: Transport<unknown>, ...protocols: Protocol<unknown>[]): Receiver<unknown> {
  protocols.forEach((protocol, i) => {
    const below = protocols[i - 1];
    protocol.below = below instanceof Layer ? below : transport;
    if (below instanceof Layer) below.above = protocol;
  });
  return protocols[0] as Receiver<unknown>;
}
