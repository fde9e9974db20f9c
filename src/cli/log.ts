import { isUtf8 } from 'node:buffer';
import { writeSync } from 'node:fs';
import { INVISIBLE } from '../protocol/visible.ts';
import { fail } from './fail.ts';

// Threads and child processes inherit the environment, and with it the silence.
let quiet = process.env.QUIET === '1';

/** Makes {@link log} say nothing from now on, here and in the threads and processes that are started from here. */
export function beQuiet(): void {
  quiet = true;
  process.env.QUIET = '1';
}

/**
 * Writes a line to the log of a server, unless the log is off (`--quiet`). Where every microsecond counts, pass a function
 * that makes the line: it is not called then. It never throws: see {@link announce}.
 */
export function log(line: string | (() => string)): void {
  if (!quiet) announce(typeof line === 'string' ? line : line());
}

/**
 * Writes a line that a server says even with `--quiet`. It never throws: no log is worth the server. When the reader of the
 * log has gone, the log is off. A line that can't be written for another reason is lost: a full disk may have room later.
 */
export function announce(line: string): void {
  if (!hasRoom()) dropped++;
  else if (write(line) === 'EPIPE') beQuiet();
}

let hasRoom = (): boolean => true;
let dropped = 0;

/** Has every line of the log dropped for which there is no room. Otherwise a write waits: for Ctrl-Q, after Ctrl-S. */
export function dropLinesUnless(thereIsRoom: () => boolean): void {
  hasRoom = thereIsRoom;
}

/** How many lines were dropped. */
export function linesDropped(): number {
  return dropped;
}

/**
 * Writes a line of what a tool prints. When its reader has gone, as in `ask … | head -1`, the tool ends, with exit code 0. When
 * the line can't be written for another reason, the tool ends with exit code 1, and says why.
 */
export function print(line: string): void {
  const error = write(line);
  if (error === 'EPIPE') process.exit(0);
  if (error) fail(`Cannot write to standard output: ${error}`);
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a line to standard output. It is there when the call returns, whichever thread makes it, and however
 * long the main thread sleeps in the kernel: `console.log` of a worker would wait for the main thread. Lines of two
 * threads, or of two processes, do not mix as long as they are shorter than PIPE_BUF, 4096 bytes on Linux: pipe(7).
 * Returns the code of the error if that is not possible: `EPIPE` if the other end of the pipe is closed, `ENOSPC` if the disk is
 * full.
 */
function write(line: string): string | undefined {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') return code;
      Atomics.wait(pause, 0, 0, 1); // A non-blocking pipe that is full: its reader needs a moment.
    }
  }
  return undefined;
}

/** The most characters that {@link quote} returns, so that a line of the log stays below 4096 bytes. */
const MAX_LENGTH = 900;

/**
 * What a user sent, in quotes and fit to be shown: the terminal that shows the log would obey a control character, and a
 * line break would forge a line of it. Text shows them as `\n` or `\u{1b}`; bytes
 * that are not UTF-8 show each byte that is not printable ASCII as `\xff`. What is long is cut, and says how long
 * it was.
 */
export function quote(input: string | Uint8Array): string {
  const escaped = typeof input === 'string' ? escapeText(input.slice(0, MAX_LENGTH)) : escapeBytes(input);
  if (input.length <= MAX_LENGTH && escaped.length <= MAX_LENGTH) return `"${escaped}"`;
  return `"${escaped.slice(0, MAX_LENGTH)}"… (${input.length} in all)`;
}

function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => SHORT.get(character) ?? `\\u{${hex(character)}}`);
}

function escapeBytes(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_LENGTH));
  const text = start.toString();
  if (isUtf8(bytes)) return escapeText(bytes.length > MAX_LENGTH ? text.replace(/\ufffd$/, '') : text); // perhaps cut within a character
  return start
    .toString('latin1')
    .replace(/["\\]|[^ -~]/g, (byte) => SHORT.get(byte) ?? `\\x${hex(byte).padStart(2, '0')}`);
}

const UNPRINTABLE = new RegExp(`["\\\\]|${INVISIBLE.source}`, 'gu');

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
