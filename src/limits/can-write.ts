import { c, poll } from '../sockets/libc.ts';

// struct pollfd, of standard output.
const pollfd = Buffer.alloc(8);
pollfd.writeInt32LE(1);
pollfd.writeInt16LE(c.POLLOUT, 4);

/** Whether write() to standard output takes a line without waiting. A ready pipe has room for PIPE_BUF bytes: pipe(7). */
export function canWrite(): boolean {
  return poll(pollfd, 1, 0) === 1;
}
