import { isUtf8 } from 'node:buffer';
import { writeSync } from 'node:fs';
import { INVISIBLE } from '../protocol/visible.ts';
import { fail } from './fail.ts';

// Threads and child processes inherit this variable.
let quiet = process.env.QUIET === '1';

/** Turns {@link log} off, here and in the threads and processes that start from now on. */
export function beQuiet(): void {
  quiet = true;
  process.env.QUIET = '1';
}

/**
 * Writes a line to the log of a server, unless the log is off (`--quiet`). Where every microsecond counts, pass a function
 * that makes the line: it is called only if the log is on. Never throws: see {@link announce}.
 */
export function log(line: string | (() => string)): void {
  if (!quiet) announce(typeof line === 'string' ? line : line());
}

/**
 * Writes a line, even with `--quiet`. Never throws, because a log must not end the server. If the program that reads the log
 * has ended (EPIPE), the log is turned off. If the write fails otherwise, the line is lost: a full disk may have room later.
 */
export function announce(line: string): void {
  if (!hasRoom()) dropped++;
  else if (write(line) === 'EPIPE') beQuiet();
}

let hasRoom = (): boolean => true;
let dropped = 0;

/** From now on, the log drops a line if there is no room for it. Otherwise a write waits, after Ctrl-S for a Ctrl-Q. */
export function dropLinesUnless(thereIsRoom: () => boolean): void {
  hasRoom = thereIsRoom;
}

/** How many lines the log has dropped. */
export function linesDropped(): number {
  return dropped;
}

/**
 * Writes a line of a tool's output. If the program that reads it has ended, as in `ask … | head -1`, the tool ends with exit
 * code 0. If the write fails otherwise, the tool ends with exit code 1, and says why.
 */
export function print(line: string): void {
  const error = write(line);
  if (error === 'EPIPE') process.exit(0);
  if (error) fail(`Cannot write to standard output: ${error}`);
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a line to standard output. When it returns, the kernel has the line, in any thread: `console.log` of a worker waits for
 * the main thread, which may sleep in the kernel for long. Lines of two threads, or of two processes, do not mix if they are
 * shorter than PIPE_BUF, 4096 bytes on Linux: pipe(7). Returns the code of an error: `EPIPE` if the other end of the pipe is
 * closed, `ENOSPC` if the disk is full.
 */
function write(line: string): string | undefined {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') return code;
      Atomics.wait(pause, 0, 0, 1); // The pipe is full, and non-blocking.
    }
  }
  return undefined;
}

/** The most characters that {@link quote} returns. It keeps a line of the log below 4096 bytes. */
const MAX_LENGTH = 900;

/**
 * Input in quotes, safe for the log. A terminal obeys control characters, and a line break forges a line of the log. So they
 * appear as `\n` or `\u{1b}`. If the bytes are not UTF-8, each byte that is not printable ASCII appears as `\xff`. Long input
 * is cut, and its length is added.
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
  if (isUtf8(bytes)) return escapeText(bytes.length > MAX_LENGTH ? text.replace(/\ufffd$/, '') : text); // It may be cut within a character.
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
