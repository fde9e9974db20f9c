import { isUtf8 } from 'node:buffer';
import { Layer } from './chain.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { refusal, shakeHands } from './handshake.ts';
import { BadRequest } from './http.ts';

/** The most bytes of a request. */
const MAX_HEAD = 16 * 1024;
/** The most bytes of a message. */
const MAX_MESSAGE = 64 * 1024;

/** What a frame is: section 5.2. From 8 on they are control frames, which may stand between the frames of a message. */
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10] as const;
const opcodes = new Set<number>([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]);

type Frame = { opcode: number; last: boolean; payload: Buffer };

/** What the peer must not send: the connection closes with this code, and what is wrong as the reason. */
class Violation extends Error {
  readonly code: number;
  readonly bytes: Buffer;

  constructor(code: 1002 | 1003 | 1007 | 1009, problem: string, bytes: Buffer) {
    super(problem);
    this.code = code;
    this.bytes = bytes;
  }
}

/**
 * WebSocket, as a server speaks it, for whatever protocol is above: bytes below, text messages above. It begins as HTTP.
 *
 * @see RFC 6455
 */
export class WebSocketProtocol extends Layer<Buffer, Buffer> {
  readonly #anyOrigin: boolean;
  readonly #arrived = new GrowingBuffer();
  readonly #message = new GrowingBuffer();
  /** Whether a message has begun, and more frames of it are to come. */
  #fragmented = false;
  #state: 'handshake' | 'open' | 'closing' = 'handshake';

  constructor(anyOrigin = false) {
    super();
    this.#anyOrigin = anyOrigin;
  }

  /** Not yet: the handshake comes first. */
  override opened(): void {}

  received(bytes: Buffer): void {
    if (this.closed) return;
    this.#arrived.append(bytes);
    if (this.#state === 'handshake') this.#shakeHands(bytes.length);
    if (this.#state === 'handshake') return;
    try {
      let frame = this.#take();
      while (frame) {
        this.#act(frame);
        frame = this.closed ? undefined : this.#take();
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.report(error.message, error.bytes);
      this.#sendClose(error.code, error.message);
      super.close(); // What follows can't be read: section 7.1.7.
    }
  }

  override ended(): void {
    const isWhole = this.#arrived.length === 0 && !this.#fragmented;
    if (!isWhole && !this.closed) {
      this.report(
        this.#state === 'handshake' ? 'an unfinished request' : 'an unfinished message',
        this.#arrived.bytes,
      );
    }
    super.ended();
  }

  send(message: Buffer): void {
    if (this.#state === 'open') this.below.send(frameOf(TEXT, message));
  }

  /** Sends a line that has a `\n` at its end, without that: a message ends where its frame does. */
  deliver(line: Buffer): void {
    this.send(line.subarray(0, -1));
  }

  /** Says so, and closes as soon as the peer has said so, too: section 7.1.1. */
  override close(): void {
    this.#sendClose(1000);
  }

  /** @param newBytes how many at the end have not been searched for the end of the request */
  #shakeHands(newBytes: number): void {
    const { bytes } = this.#arrived;
    const end = bytes.indexOf('\r\n\r\n', Math.max(0, bytes.length - newBytes - 3));
    if ((end === -1 ? bytes.length : end) > MAX_HEAD) {
      this.below.send(refusal(new BadRequest(431)));
      super.close();
    } else if (end !== -1) {
      const head = this.#arrived.take(end + 4).toString('latin1', 0, end);
      const { answer, upgraded } = shakeHands(head, this.#anyOrigin);
      this.below.send(answer);
      if (!upgraded) {
        super.close();
        return;
      }
      this.#state = 'open';
      this.above.opened();
    }
  }

  /** The next frame, if all of it has arrived. Section 5.2 shows where its bits are. */
  #take(): Frame | undefined {
    const { bytes } = this.#arrived;
    if (bytes.length < 2) return undefined;
    const [first, second] = bytes as unknown as [number, number];
    const [opcode, last, short] = [first & 0x0f, first >= 0x80, second & 0x7f];
    this.#check(bytes.subarray(0, 2), opcode, last, short);
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < size) return undefined;
    const length = size === 2 ? short : size === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (this.#message.length + length > MAX_MESSAGE)
      throw new Violation(1009, 'a message of more than 64 KB', bytes.subarray(0, size));
    if (bytes.length < size + 4 + length) return undefined;
    const mask = this.#arrived.take(size + 4).subarray(size);
    const payload = this.#arrived.take(length);
    for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (mask[i % 4] as number);
    return { opcode, last, payload };
  }

  #check(head: Buffer, opcode: number, last: boolean, short: number): void {
    const [first, second] = head as unknown as [number, number];
    const wrong = (problem: string) => new Violation(1002, problem, head);
    if (first & 0x70) throw wrong('a frame with a reserved bit');
    if (second < 0x80) throw wrong('a frame without a mask');
    if (!opcodes.has(opcode)) throw wrong(`a frame with opcode ${opcode}`);
    if (opcode >= CLOSE) {
      if (!last || short > 125) throw wrong('a control frame that is fragmented, or long');
    } else if ((opcode === CONTINUATION) !== this.#fragmented) {
      throw wrong(this.#fragmented ? 'a message within another' : 'a continuation of nothing');
    } else if (opcode === BINARY) {
      throw new Violation(1003, 'a binary message', head);
    }
  }

  #act({ opcode, last, payload }: Frame): void {
    if (opcode === CLOSE) {
      checkClose(payload);
      if (this.#state === 'open') this.below.send(frameOf(CLOSE, payload.subarray(0, 2)));
      super.close();
    } else if (opcode === PING) {
      if (this.#state === 'open') this.below.send(frameOf(PONG, payload));
    } else if (opcode !== PONG) {
      this.#message.append(payload);
      this.#fragmented = !last;
      if (last) this.#complete();
    }
  }

  #complete(): void {
    const message = this.#message.take(this.#message.length);
    if (!isUtf8(message)) throw new Violation(1007, 'a message that is not UTF-8', message);
    if (this.#state === 'open') this.above.received(message);
  }

  #sendClose(code: number, reason = ''): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.below.send(frameOf(CLOSE, Buffer.concat([Buffer.from([code >> 8, code]), Buffer.from(reason)])));
  }
}

/** Sections 5.5.1 and 7.4: there may be a code, and a reason behind it. */
function checkClose(payload: Buffer): void {
  if (payload.length === 0) return;
  const code = payload.length < 2 ? 0 : payload.readUInt16BE();
  const known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!known && !(code >= 3000 && code <= 4999))
    throw new Violation(1002, 'a close with a bad code', payload);
  if (!isUtf8(payload.subarray(2))) throw new Violation(1007, 'a reason that is not UTF-8', payload);
}

/** A frame as servers send it: whole, and without a mask. */
function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
