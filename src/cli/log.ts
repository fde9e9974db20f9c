import { isUtf8 } from 'node:buffer';
import { writeSync } from 'node:fs';

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a line to standard output. It is there when the call returns, whichever thread makes it, and however
 * long the main thread sleeps in the kernel: `console.log` of a worker would wait for the main thread.
 */
export function log(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // A pipe that somebody made non-blocking, and that is full: give its reader a moment.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/**
 * What a user sent, in quotes and fit to be shown: a control character would be obeyed by the terminal of
 * whoever reads the log, and a line break would forge a line of it. Text shows them as `\n` or `\u{1b}`; bytes
 * that are not UTF-8 show each byte that is not printable ASCII as `\xff`.
 */
export function quote(input: string | Uint8Array): string {
  if (typeof input !== 'string' && !isUtf8(input)) {
    const bytes = Buffer.from(input).toString('latin1');
    return `"${bytes.replace(/["\\]|[^ -~]/g, (byte) => SHORT.get(byte) ?? `\\x${hex(byte).padStart(2, '0')}`)}"`;
  }
  const text = typeof input === 'string' ? input : Buffer.from(input).toString();
  return `"${text.replace(UNPRINTABLE, (character) => SHORT.get(character) ?? `\\u{${hex(character)}}`)}"`;
}

// Controls, invisible formats (such as those that turn the direction of text), lone surrogates, separators.
const UNPRINTABLE = /["\\]|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['"', '\\"'],
  ['\\', '\\\\'],
]);

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}
