import { getSystemErrorMap } from 'node:util';

/**
 * A call of the operating system that failed, in the form of Node's own errors: `code` is the name
 * (`ECONNRESET`), `errno` the number, negative, and `syscall` the function.
 *
 * @see https://nodejs.org/api/errors.html#class-systemerror
 */
export class SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(message: string, code: string, errno: number, syscall: string) {
    super(message);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/**
 * The error for a call that failed.
 *
 * @param errno what it left behind, positive: see errno(3)
 * @param action what it was made for, to be said to people: `Cannot listen on 127.0.0.1:80`
 */
export function systemError(syscall: string, errno: number, action?: string): SystemError {
  const [code, cause] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown error'];
  const message = action ? `${action}: ${code}, ${cause}` : `${syscall} ${code}`;
  return new SystemError(message, code, -errno, syscall);
}
