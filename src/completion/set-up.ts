import { systemError } from '../sockets/errors.ts';
import { errno, io_uring_setup } from '../sockets/libc.ts';

/** What each error of io_uring_setup() means. */
const remedies = new Map([
  ['ENOSYS', 'this kernel has no io_uring, which takes Linux 6.1'],
  ['EINVAL', 'this kernel is too old, it takes Linux 6.1'],
  ['EPERM', 'io_uring is forbidden here, by a container or by sysctl kernel.io_uring_disabled'],
]);

/**
 * Sets up a ring, and returns its descriptor.
 *
 * @param params the address of a `struct io_uring_params`, which the kernel fills in
 * @throws Error if there is no io_uring here
 */
export function setUp(entries: number, params: number): number {
  if (process.platform !== 'linux') {
    throw new Error(`Cannot set up io_uring on ${process.platform}: only Linux has it`);
  }
  const fd = io_uring_setup(entries, params);
  if (fd >= 0) return fd;
  const { code, message } = systemError('io_uring_setup', errno(), 'Cannot set up io_uring');
  throw new Error([message, remedies.get(code) ?? []].flat().join(': '));
}
