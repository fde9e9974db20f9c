// Makes a function of C callable from TypeScript, and publishes each call to subscribers.

import { tracingChannel } from 'node:diagnostics_channel';
import { getSystemErrorName } from 'node:util';
import { threadId } from 'node:worker_threads';
import koffi from './koffi.ts';
import type { SystemCall } from './trace-event.ts';

/**
 * Every call publishes a {@link SystemCall} here: to `start` before it is made, and, the same object, to
 * `end` when it has returned. Without subscribers, a call costs a look at two flags.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
export const systemCalls = tracingChannel<SystemCall, SystemCall>('async-comparisons:system-call');
const { start, end } = systemCalls;

const supported = process.platform === 'linux' || process.platform === 'darwin';
// The library is Node itself: the C library it runs on is part of it, whatever its file is called.
const library = supported ? koffi.load(null) : undefined;

/**
 * The C function with this prototype, as a function of TypeScript.
 *
 * @throws when called, on a system that is neither Linux nor macOS
 * @see https://koffi.dev
 */
export function libraryFunction<F extends (...args: never[]) => unknown>(prototype: string): F {
  return (library?.func(prototype) ?? refuse) as unknown as F;
}

/**
 * A function of the C library that calls the kernel: like {@link libraryFunction}, and traced. Pointers to
 * memory that stays where it is are best declared `uintptr_t` and passed as numbers: see `pin()` in memory.ts.
 *
 * @param number of the call, if the C library has no function for it: syscall(2)
 */
export function systemCall<F extends (...args: never[]) => number>(prototype: string, number?: number): F {
  const [, name = prototype, onDescriptor] = /(\w+)\((int (?:ep)?fd)?/.exec(prototype) ?? [];
  const native = number === undefined ? nativeFunction(prototype) : numberedCall(prototype, number);
  const traced = (args: unknown[]) =>
    trace(name, () => native(...args), onDescriptor === undefined ? undefined : (args[0] as number));
  // No call here takes more than six arguments. Counting them out costs nothing, a rest array would.
  const call = (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): number =>
    start.hasSubscribers || end.hasSubscribers ? traced([a, b, c, d, e, f]) : native(a, b, c, d, e, f);
  return call as unknown as F;
}

type Native = (...args: unknown[]) => number;

function nativeFunction(prototype: string): Native {
  const f = libraryFunction<Native>(prototype);
  // koffi ignores surplus arguments, but not those of a variadic function. There is one: fcntl, with four.
  return prototype.includes('...') ? (...args) => f(...args.slice(0, 4)) : f;
}

/** syscall() with this number, and behind it the arguments of the prototype. */
function numberedCall(prototype: string, number: number): Native {
  const syscall = libraryFunction<Native>(prototype.replace(/\w+\(/, 'syscall(long number, '));
  return (a, b, c, d, e) => syscall(number, a, b, c, d, e);
}

/** A {@link systemCall} that only Linux has. On other systems it throws when called. */
export function linuxCall<F extends (...args: never[]) => number>(prototype: string, number?: number): F {
  return process.platform === 'linux' ? systemCall<F>(prototype, number) : (refuse as unknown as F);
}

/** Microseconds on the clock that {@link SystemCall} uses. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

/**
 * Makes a call, and publishes it. A wait in the kernel that is no {@link systemCall} goes through here, too.
 *
 * @param call its name
 * @param make returns a negative number if it has failed
 * @param fd the descriptor, if it is made on one
 */
export function trace(call: string, make: () => number, fd?: number): number {
  const event: SystemCall = { call, pid: process.pid, thread: threadId, begin: now() };
  if (fd !== undefined) event.fd = fd;
  start.publish(event);
  koffi.errno(0); // What does not set it has no error of its own.
  event.begin = now();
  event.result = make();
  const errno = koffi.errno();
  event.took = Number((now() - event.begin).toFixed(3)); // The clock counts nanoseconds.
  if (event.result < 0 && errno > 0) event.error = getSystemErrorName(-errno);
  end.publish(event);
  koffi.errno(errno); // The caller still has to read it, and subscribers make calls of their own.
  return event.result;
}

function refuse(): never {
  const remedy =
    process.platform === 'win32'
      ? 'use WSL, the Windows Subsystem for Linux (wsl --install)'
      : 'use Linux or macOS';
  throw new Error(`Cannot make system calls on ${process.platform}: ${remedy}`);
}
