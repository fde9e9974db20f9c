// Addresses of sockets, a host and a port: as you write them, and as the kernel wants them.

import { SystemError } from './errors.ts';
import koffi from './koffi.ts';
import { c } from './libc.ts';
import { libraryFunction } from './system-call.ts';

const getaddrinfo = libraryFunction<
  (node: string, service: null, hints: Uint8Array, result: [unknown]) => number
>('int getaddrinfo(str node, str service, const void *hints, _Out_ void **result)');
const freeaddrinfo = libraryFunction<(list: unknown) => void>('void freeaddrinfo(void *list)');
const gai_strerror = libraryFunction<(error: number) => string>('str gai_strerror(int error)');
const inet_ntop = libraryFunction<
  (family: number, host: Uint8Array, text: Uint8Array, size: number) => string
>('str inet_ntop(int family, const void *host, void *text, uint32_t size)');
const inet_pton = libraryFunction<(family: number, text: string, host: Uint8Array) => number>(
  'int inet_pton(int family, str text, void *host)',
);

const darwin = process.platform === 'darwin';

/** The size of a `struct sockaddr_in6`, in bytes: room for either kind of address. */
export const ADDRESS_SIZE = 28;
const IPV4_SIZE = 16;
/** The longest IPv6 address as text, and the zero behind it, in bytes: `INET6_ADDRSTRLEN`. */
const TEXT_SIZE = 46;

/** The address of one end of a connection. As text it is `127.0.0.1:12345` or `[::1]:12345`. */
export class Address {
  /** An IPv4 or IPv6 address, or a name. */
  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
  }

  toString(): string {
    return this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** How many numbers {@link toNumbers} returns. */
  static readonly NUMBERS = 6;

  /** The address as numbers of 32 bits, for memory that threads share. */
  toNumbers(): number[] {
    const family = this.host.includes(':') ? c.AF_INET6 : c.AF_INET;
    const host = new Int32Array(4);
    inet_pton(family, this.host, new Uint8Array(host.buffer));
    return [family, ...host, this.port];
  }

  /** The address that {@link toNumbers} turned into these numbers. */
  static fromNumbers([family = 0, ...rest]: number[]): Address {
    return new Address(hostText(family, Buffer.from(Int32Array.from(rest).buffer)), rest[4] ?? 0);
  }
}

/**
 * The address in a `struct sockaddr_in` or `sockaddr_in6`: the family, the port in big-endian order, and the bytes of the host.
 *
 * @see ip(7), ipv6(7)
 */
export function decodeAddress(bytes: Buffer): Address {
  const family = bytes[darwin ? 1 : 0] as number;
  const port = bytes.readUInt16BE(2);
  if (family === c.AF_INET6) return new Address(hostText(family, bytes.subarray(8, 24)), port);
  return new Address(`${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, port);
}

function hostText(family: number, host: Uint8Array): string {
  return inet_ntop(family, host, Buffer.alloc(TEXT_SIZE), TEXT_SIZE);
}

/** Whether this is a `struct sockaddr_in6`. */
export function isIPv6(sockaddr: Buffer): boolean {
  return sockaddr.length > IPV4_SIZE;
}

/**
 * All addresses of a host, each a `struct sockaddr_in` or `sockaddr_in6`, in the order in which to try them. For a name,
 * getaddrinfo() waits until a name server has answered.
 *
 * @param action begins the message of an error: `Cannot listen on 127.0.0.1:80`
 * @throws SystemError `ENOTFOUND` or `EAI_AGAIN`, as Node's `dns.lookup()` does
 * @see getaddrinfo(3)
 */
export function resolveAddress(host: string, port: number, action: string): Buffer[] {
  // struct addrinfo: four ints (flags, family, type, protocol), a length, then three pointers, the last to the next one.
  const hints = Buffer.alloc(48);
  hints.writeInt32LE(c.SOCK_STREAM, 8);
  const list: [unknown] = [null];
  const error = getaddrinfo(host, null, hints, list);
  if (error !== 0) {
    const code = error === (darwin ? 2 : -3) ? 'EAI_AGAIN' : 'ENOTFOUND';
    throw new SystemError(`${action}: ${code}, ${gai_strerror(error)}`, code, error, 'getaddrinfo');
  }
  const addresses: Buffer[] = [];
  for (let info = list[0]; info !== null; info = koffi.decode(info, 40, 'void *')) {
    const size: number = koffi.decode(info, 16, 'uint32_t');
    const sockaddr = koffi.decode(info, darwin ? 32 : 24, 'void *');
    const address = Buffer.from(koffi.decode(sockaddr, koffi.array('uint8_t', size)));
    address.writeUInt16BE(port, 2);
    addresses.push(address);
  }
  freeaddrinfo(list[0]);
  return addresses;
}
