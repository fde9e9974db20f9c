// Makes a function of C callable from TypeScript, and publishes each call to subscribers.

import { tracingChannel } from 'node:diagnostics_channel';
import { getSystemErrorName } from 'node:util';
import { threadId } from 'node:worker_threads';
import koffi from './koffi.ts';
import type { SystemCall } from './trace-event.ts';

/**
 * Every call publishes a {@link SystemCall}: to `start` before it is made, and the same object to `end` when it has
 * returned. Without subscribers, a call reads two flags, and that is all.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
export const systemCalls = tracingChannel<SystemCall, SystemCall>('async-comparisons:system-call');
const { start, end } = systemCalls;

const supported = process.platform === 'linux' || process.platform === 'darwin';
// null stands for the running program, Node: the functions of its C library can be called without the name of a file.
const library = supported ? koffi.load(null) : undefined;

/**
 * The C function with this prototype, as a function that you can call.
 *
 * @throws when called, on a system that is neither Linux nor macOS
 * @see https://koffi.dev
 */
export function libraryFunction<F extends (...args: never[]) => unknown>(prototype: string): F {
  return (library?.func(prototype) ?? refuse) as unknown as F;
}

/**
 * A function of the C library that calls the kernel: like {@link libraryFunction}, and traced. Declare pointers to pinned
 * memory as `uintptr_t`, and pass them as numbers: see `pin()` in memory.ts.
 *
 * @param number the number of the call, if the C library has no function for it: syscall(2)
 */
export function systemCall<F extends (...args: never[]) => number>(prototype: string, number?: number): F {
  const [, name = prototype, onDescriptor] = /(\w+)\((int (?:ep)?fd)?/.exec(prototype) ?? [];
  const native = number === undefined ? nativeFunction(prototype) : numberedCall(prototype, number);
  const traced = (args: unknown[]) =>
    trace(name, () => native(...args), onDescriptor === undefined ? undefined : (args[0] as number));
  // No call here takes more than six arguments. Six parameters cost nothing, while a rest array takes time.
  const call = (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): number =>
    start.hasSubscribers || end.hasSubscribers ? traced([a, b, c, d, e, f]) : native(a, b, c, d, e, f);
  return call as unknown as F;
}

type Native = (...args: unknown[]) => number;

function nativeFunction(prototype: string): Native {
  const f = libraryFunction<Native>(prototype);
  // koffi ignores surplus arguments, except those of a variadic function. There is one, fcntl, with four.
  return prototype.includes('...') ? (...args) => f(...args.slice(0, 4)) : f;
}

/** A call of syscall() with this number, followed by the arguments of the prototype. */
function numberedCall(prototype: string, number: number): Native {
  const syscall = libraryFunction<Native>(prototype.replace(/\w+\(/, 'syscall(long number, '));
  return (a, b, c, d, e) => syscall(number, a, b, c, d, e);
}

/** A {@link systemCall} that only Linux has. On other systems it throws when you call it. */
export function linuxCall<F extends (...args: never[]) => number>(prototype: string, number?: number): F {
  return process.platform === 'linux' ? systemCall<F>(prototype, number) : (refuse as unknown as F);
}

/** Microseconds on the clock that {@link SystemCall} uses. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

/**
 * Makes a call, and publishes it. `Atomics.wait()` goes through here, too: it waits in the kernel, but is no {@link systemCall}.
 *
 * @param call its name
 * @param make returns a negative number if it has failed
 * @param fd the descriptor, if it is made on one
 */
export function trace(call: string, make: () => number, fd?: number): number {
  const event: SystemCall = { call, pid: process.pid, thread: threadId, begin: now() };
  if (fd !== undefined) event.fd = fd;
  start.publish(event);
  koffi.errno(0); // A call that succeeds may leave errno as it was.
  event.begin = now();
  event.result = make();
  const errno = koffi.errno();
  event.took = Number((now() - event.begin).toFixed(3)); // The clock counts nanoseconds.
  if (event.result < 0 && errno > 0) event.error = getSystemErrorName(-errno);
  end.publish(event);
  koffi.errno(errno); // Subscribers make calls of their own, and the caller reads errno after them.
  return event.result;
}

function refuse(): never {
  const remedy =
    process.platform === 'win32'
      ? 'use WSL, the Windows Subsystem for Linux (wsl --install)'
      : 'use Linux or macOS';
  throw new Error(`Cannot make system calls on ${process.platform}: ${remedy}`);
}
