import { getSystemErrorMap } from 'node:util';

/**
 * The error of a system call, in the form of Node's own: `code` is the name (`ECONNRESET`), `errno` the negative number,
 * `syscall` the function.
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
 * The error of a call that has failed.
 *
 * @param errno the positive number that the call has left in errno(3)
 * @param action begins the message: `Cannot listen on 127.0.0.1:80`
 */
export function systemError(syscall: string, errno: number, action?: string): SystemError {
  const [code, cause] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown error'];
  const message = action ? `${action}: ${code}, ${cause}` : `${syscall} ${code}`;
  return new SystemError(message, code, -errno, syscall);
}
