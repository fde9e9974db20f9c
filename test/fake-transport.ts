// What the tests of protocols share: streams to cut, ways to cut them, and a transport that only writes down.

import fc from 'fast-check';
import type { Receiver, Transport } from '../src/protocol/chain.ts';

/** Streams of bytes in which delimiters, and halves of them, are frequent. */
export const streams = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\r\n', '\r', '?', 'é', '\u{1f600}').map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 30 },
  )
  .map((pieces) => Buffer.concat(pieces));

/** The places to cut a stream at, as fractions of it. */
export const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });

/**
 * A stream in pieces, handed out in one piece of memory that is overwritten each time, as a server's is: to keep
 * what was shown and not copied is a mistake that shows.
 */
export function* cut(stream: Buffer, at: number[]): Generator<Buffer> {
  const places = [...at.map((fraction) => Math.floor(fraction * stream.length)), stream.length].sort(
    (a, b) => a - b,
  );
  const memory = Buffer.alloc(stream.length);
  let start = 0;
  for (const end of places) {
    memory.fill('#');
    stream.copy(memory, 0, start, end);
    yield memory.subarray(0, end - start);
    start = end;
  }
}

export function byteByByte(stream: Buffer): number[] {
  return Array.from(stream, (_, i) => i / stream.length);
}

/** A connection that writes down what it is told to do. */
export class FakeTransport implements Transport<Buffer> {
  sent = '';
  reports: string[] = [];
  closed = false;

  send(bytes: Buffer): void {
    if (this.closed) throw new Error('sent after close');
    this.sent += bytes.toString('latin1');
  }

  close(): void {
    this.closed = true;
  }

  report(problem: string, bytes: Buffer): void {
    this.reports.push(`${problem}: ${bytes.toString('latin1')}`);
  }
}

/** Has a conversation with a fake transport: this stream, in these pieces, and its end. */
export function talk(
  make: (transport: FakeTransport) => Receiver<Buffer>,
  stream: Buffer | string,
  at: number[] = [],
): FakeTransport {
  const transport = new FakeTransport();
  const protocol = make(transport);
  for (const piece of cut(Buffer.from(stream as string), at)) {
    if (!transport.closed) protocol.received(piece);
  }
  if (!transport.closed) protocol.ended();
  return transport;
}
