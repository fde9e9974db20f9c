// Where a socket is: an IPv4 address and a port, as people write it and as the kernel wants it.

import koffi from 'koffi';
import { SystemError } from './errors.ts';
import { c } from './libc.ts';
import { libraryFunction } from './system-call.ts';

const getaddrinfo = libraryFunction<
  (node: string, service: null, hints: Uint8Array, result: [unknown]) => number
>('int getaddrinfo(str node, str service, const void *hints, _Out_ void **result)');
const freeaddrinfo = libraryFunction<(list: unknown) => void>('void freeaddrinfo(void *list)');
const gai_strerror = libraryFunction<(error: number) => string>('str gai_strerror(int error)');

const darwin = process.platform === 'darwin';

/** The size of a `struct sockaddr_in`, in bytes. */
export const ADDRESS_SIZE = 16;

/** One end of a connection. As text it is `127.0.0.1:12345`. */
export class Address {
  /** Four numbers with dots between them. */
  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
  }

  toString(): string {
    return `${this.host}:${this.port}`;
  }

  /** The host and the port as numbers of 32 bits, which can be passed through shared memory. */
  toNumbers(): [host: number, port: number] {
    const bytes = Buffer.from(this.host.split('.').map(Number));
    return [bytes.readInt32BE(), this.port];
  }

  /** What {@link toNumbers} made of an address. */
  static fromNumbers(host: number, port: number): Address {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(host);
    return new Address(bytes.join('.'), port);
  }
}

/**
 * What a `struct sockaddr_in` says: a family, then the port and the four bytes of the host, big end first.
 *
 * @see ip(7)
 */
export function decodeAddress(bytes: Buffer): Address {
  return new Address(`${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, bytes.readUInt16BE(2));
}

/**
 * The `struct sockaddr_in` of a host and a port. A name is looked up, which may take as long as a question to
 * the network takes.
 *
 * @param action what it is for, to begin an error's message with
 * @throws SystemError `ENOTFOUND` or `EAI_AGAIN`, as Node's `dns.lookup()` does
 * @see getaddrinfo(3)
 */
export function resolveAddress(host: string, port: number, action: string): Buffer {
  // struct addrinfo: four ints (flags, family, type, protocol), a length, then three pointers.
  const hints = Buffer.alloc(48);
  hints.writeInt32LE(c.AF_INET, 4);
  hints.writeInt32LE(c.SOCK_STREAM, 8);
  const list: [unknown] = [null];
  const error = getaddrinfo(host, null, hints, list);
  if (error !== 0) {
    const code = error === (darwin ? 2 : -3) ? 'EAI_AGAIN' : 'ENOTFOUND';
    throw new SystemError(`${action}: ${code}, ${gai_strerror(error)}`, code, error, 'getaddrinfo');
  }
  const pointer = koffi.decode(list[0], darwin ? 32 : 24, 'void *');
  const address = Buffer.from(koffi.decode(pointer, koffi.array('uint8_t', ADDRESS_SIZE)));
  freeaddrinfo(list[0]);
  address.writeUInt16BE(port, 2);
  return address;
}
