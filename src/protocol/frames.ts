// The frames of WebSocket: RFC 6455, section 5.

import { GrowingBuffer } from './growing-buffer.ts';

/** The opcodes. From 8 on they are those of control frames, which may come between the frames of a message. */
export const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10] as const;
const opcodes = new Set<number>([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]);

export type Frame = {
  opcode: number;
  /** Whether it is the last frame of its message. */
  last: boolean;
  payload: Buffer;
};

/** The peer has sent what RFC 6455 forbids. */
export class Violation extends Error {
  /** The code of the close frame to answer with: section 7.4.1. */
  readonly code: number;
  /** The wrong bytes, for the log. */
  readonly bytes: Buffer;

  constructor(code: 1002 | 1003 | 1007 | 1009, problem: string, bytes: Buffer) {
    super(problem);
    this.code = code;
    this.bytes = bytes;
  }
}

/** Finds the frames in the stream of a client. */
export class FrameReader {
  readonly #arrived = new GrowingBuffer();

  /** The bytes that have arrived, and are not taken yet. */
  get unfinished(): Buffer {
    return this.#arrived.bytes;
  }

  push(bytes: Buffer): void {
    this.#arrived.append(bytes);
  }

  /**
   * Takes the next frame, if all of it has arrived.
   *
   * @param room how many bytes of payload the frame may have
   * @throws Violation also for a frame that is too long, as soon as its length has arrived
   */
  next(room: number): Frame | undefined {
    const { bytes } = this.#arrived;
    if (bytes.length < 2) return undefined;
    const [first, second] = bytes as unknown as [number, number];
    const [opcode, last, short] = [first & 0x0f, first >= 0x80, second & 0x7f];
    const problem = problemWith(first, second);
    if (problem) throw new Violation(1002, problem, bytes.subarray(0, 2));
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < size) return undefined;
    const length = size === 2 ? short : size === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (opcode < CLOSE && length > room)
      throw new Violation(1009, 'a message that is too long', bytes.subarray(0, size));
    if (bytes.length < size + 4 + length) return undefined;
    const mask = this.#arrived.take(size + 4).subarray(size);
    const payload = this.#arrived.take(length);
    for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (mask[i % 4] as number);
    return { opcode, last, payload };
  }
}

/** What is wrong with a frame that begins with these two bytes. Section 5.2 shows their bits. */
function problemWith(first: number, second: number): string | undefined {
  const opcode = first & 0x0f;
  if (first & 0x70) return 'a frame with a reserved bit';
  if (!opcodes.has(opcode)) return `a frame with opcode ${opcode}`;
  if (second < 0x80) return 'a frame without a mask';
  const [isLast, isLong] = [first >= 0x80, second > 0x80 + 125];
  if (opcode >= CLOSE && (!isLast || isLong)) return 'a control frame that is fragmented, or long';
  return undefined;
}

/** A frame of a server: a whole message, without a mask. */
export function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
