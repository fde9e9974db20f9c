import { isUtf8 } from 'node:buffer';
import { Layer } from './chain.ts';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  type Frame,
  FrameReader,
  frameOf,
  PING,
  PONG,
  TEXT,
  Violation,
} from './frames.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { refusal, shakeHands } from './handshake.ts';
import { BadRequest } from './http.ts';

/** The most bytes of a request. */
const MAX_HEAD = 16 * 1024;
/** The most bytes of a message, unless the constructor has another limit. */
const MAX_MESSAGE = 64 * 1024;

/**
 * The server's side of WebSocket, under any protocol: bytes below, text messages above. It begins as HTTP.
 *
 * @see RFC 6455
 */
export class WebSocketProtocol extends Layer<Buffer, Buffer> {
  readonly #anyOrigin: boolean;
  readonly #limit: number;
  #state: 'handshake' | 'open' | 'closing' = 'handshake';
  readonly #request = new GrowingBuffer();
  readonly #frames = new FrameReader();
  readonly #message = new GrowingBuffer();
  /** Whether a message has begun, and its last frame has not arrived. */
  #fragmented = false;
  #messages = 0;
  #violation: Violation | undefined;

  /**
   * @param anyOrigin whether pages of other servers may connect
   * @param limit the most bytes of a message
   */
  constructor(anyOrigin = false, limit = MAX_MESSAGE) {
    super();
    this.#anyOrigin = anyOrigin;
    this.#limit = limit;
  }

  /** The number of the message, or of the handshake, that has begun and not ended, undefined if there is none. */
  get begun(): number | undefined {
    const inFrame = this.#frames.unfinished.length > 0 || this.#request.length > 0;
    return inFrame || this.#fragmented ? this.#messages : undefined;
  }

  /** Does nothing: the handshake comes first. */
  override opened(): void {}

  received(bytes: Buffer): void {
    if (this.closed) return;
    if (this.#state === 'handshake') this.#shakeHands(bytes);
    else this.#frames.push(bytes);
    try {
      while (!this.closed) {
        const frame = this.#frames.next(this.#limit - this.#message.length);
        if (!frame) return;
        this.#act(frame);
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation = error;
      if (error.code === 1009) this.refuse(error.message, error.bytes, this.#limit);
      else {
        this.report(error.message, error.bytes);
        this.close();
      }
    }
  }

  override ended(): void {
    const { unfinished } = this.#frames;
    if (this.closed) return;
    if (this.#request.length > 0) this.report('an unfinished request', this.#request.bytes);
    if (unfinished.length > 0 || this.#fragmented) this.report('an unfinished message', unfinished);
    super.ended();
  }

  send(message: Buffer): void {
    if (this.#state === 'open') this.below.send(frameOf(TEXT, message));
  }

  /** Sends a line without its `\n`: the end of the frame is the end of the message. */
  deliver(line: Buffer): void {
    this.send(line.subarray(0, -1));
  }

  /**
   * Sends a close frame. The connection closes when the peer has sent one, too (section 7.1.1), or at once if the rest of the
   * peer's stream can't be read (section 7.1.7).
   */
  override close(): void {
    if (this.#state !== 'handshake') this.#sendClose(this.#violation?.code, this.#violation?.message);
    if (this.#state === 'handshake' || this.#violation) super.close();
  }

  #shakeHands(bytes: Buffer): void {
    const searched = Math.max(0, this.#request.length - 3);
    this.#request.append(bytes);
    const end = this.#request.bytes.indexOf('\r\n\r\n', searched);
    if ((end === -1 ? this.#request.length : end) > MAX_HEAD) {
      this.below.send(refusal(new BadRequest(431)));
      super.close();
    } else if (end !== -1) {
      const head = this.#request.take(end + 4).toString('latin1', 0, end);
      const { answer, upgraded } = shakeHands(head, this.#anyOrigin);
      this.below.send(answer);
      if (upgraded) this.#open(this.#request.take(this.#request.length));
      else super.close();
    }
  }

  /** @param frames the bytes that have arrived behind the request */
  #open(frames: Buffer): void {
    this.#state = 'open';
    this.above.opened();
    this.#frames.push(frames);
  }

  #act({ opcode, last, payload }: Frame): void {
    if (opcode === CLOSE) {
      checkClose(payload);
      if (this.#state === 'open') this.below.send(frameOf(CLOSE, payload.subarray(0, 2)));
      super.close();
    } else if (opcode === PING) {
      if (this.#state === 'open') this.below.send(frameOf(PONG, payload));
    } else if (opcode !== PONG) {
      this.#addToMessage(opcode, payload, last);
    }
  }

  /** Section 5.4. */
  #addToMessage(opcode: number, payload: Buffer, last: boolean): void {
    if ((opcode === CONTINUATION) !== this.#fragmented)
      throw new Violation(
        1002,
        this.#fragmented ? 'a message within another' : 'a continuation of no message',
        payload,
      );
    if (opcode === BINARY) throw new Violation(1003, 'a binary message', payload);
    this.#message.append(payload);
    this.#fragmented = !last;
    if (!last) return;
    this.#messages++;
    const message = this.#message.take(this.#message.length);
    if (!isUtf8(message)) throw new Violation(1007, 'a message that is not UTF-8', message);
    if (this.#state === 'open') this.above.received(message);
  }

  #sendClose(code = 1000, reason = ''): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.below.send(frameOf(CLOSE, Buffer.concat([Buffer.from([code >> 8, code]), Buffer.from(reason)])));
  }
}

/** Sections 5.5.1 and 7.4: a close frame may have a code, and a reason behind it. */
function checkClose(payload: Buffer): void {
  if (payload.length === 0) return;
  const code = payload.length < 2 ? 0 : payload.readUInt16BE();
  const known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!known && !(code >= 3000 && code <= 4999))
    throw new Violation(1002, 'a close with a bad code', payload);
  if (!isUtf8(payload.subarray(2))) throw new Violation(1007, 'a reason that is not UTF-8', payload);
}
