import { Layer } from './chain.ts';
import { Splitter } from './splitter.ts';

/** Bytes below, lines above: what stands before each `\n`. Half a line at the end of the stream is reported. */
export class LineProtocol extends Layer<Buffer, Buffer> {
  readonly #splitter: Splitter;
  readonly #end: Buffer;

  constructor(end = '\n') {
    super();
    this.#splitter = new Splitter(end);
    this.#end = Buffer.from(end);
  }

  received(bytes: Buffer): void {
    for (const line of this.#splitter.push(bytes)) {
      if (!this.closed) this.above.received(line);
    }
  }

  override ended(): void {
    const { unfinished } = this.#splitter;
    if (unfinished.length > 0 && !this.closed) this.cutOff(unfinished);
    super.ended();
  }

  /** The stream has ended in the middle of a line. */
  protected cutOff(bytes: Buffer): void {
    this.report('an unfinished line', bytes);
  }

  send(line: Buffer): void {
    this.below.send(Buffer.concat([line, this.#end]));
  }

  /** Sends a line that has its end already. */
  deliver(line: Buffer): void {
    this.below.send(line);
  }
}

/** Lines that end in `\r\n`, both ways, as most protocols of the internet want them. */
export class CrlfLineProtocol extends LineProtocol {
  constructor() {
    super('\r\n');
  }
}
