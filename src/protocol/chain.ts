// A chain of protocols: bytes go up, and become lines, text, commands on their way; answers come down.
//
//   connection ── LineProtocol ── TextProtocol ── CommandProtocol
//      received(bytes)  →  received(line)  →  received(text)
//         send(bytes)   ←     send(line)   ←     send(text)
//
// None of them does any I/O, so a chain can be tied to a socket, to an event loop, or to a test.

/** What a protocol speaks through: the one below it in the chain, and under the lowest the connection. */
export type Transport<Message> = {
  send(message: Message): void;
  /** Ends the conversation as soon as what was sent is on its way. */
  close(): void;
  /** Tells of input that is no good: the connection writes it to its log. */
  report(problem: string, bytes: Buffer): void;
};

/** What a transport delivers to: the protocol above it. */
export type Receiver<Message> = {
  /** The peer can be sent a first word. */
  opened(): void;
  received(message: Message): void;
  /** A message is longer than so many bytes. The protocol below closes the connection: what is sent now is the last. */
  tooLong(limit: number): void;
  /** The peer will send nothing more. It can still be answered. */
  ended(): void;
};

/** One link of a chain, and the topmost as it stands: it acts on the messages that come up to it. */
export abstract class Protocol<Lower> implements Receiver<Lower> {
  /** Where messages go. Set by {@link chain}. */
  below!: Transport<Lower>;
  /** Whether close() was called: what is still in a buffer then is not to be acted on. */
  closed = false;

  abstract received(message: Lower): void;

  opened(): void {}

  tooLong(_limit: number): void {}

  ended(): void {}

  close(): void {
    this.closed = true;
    this.below.close();
  }

  report(problem: string, bytes: Buffer): void {
    this.below.report(problem, bytes);
  }
}

/** A link with another above it, for which it turns `Lower` messages into `Upper` ones, and back. */
export abstract class Layer<Lower, Upper> extends Protocol<Lower> implements Transport<Upper> {
  /** Where messages come to. Set by {@link chain}. */
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
}

/**
 * Links protocols to each other, from the lowest to the topmost, and to the transport under them. Each is for
 * one conversation. Returns the lowest: hand it what arrives.
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
