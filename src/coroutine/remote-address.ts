import type { Socket } from 'node:net';
import { Address } from '../sockets/socket.ts';

/** The address of a client of Node's own loop, as all other steps log it. Node has none if the client has already reset. */
export function remoteAddress({ remoteAddress: host, remotePort: port }: Socket): string {
  return host === undefined || port === undefined ? 'unknown address' : `${new Address(host, port)}`;
}
