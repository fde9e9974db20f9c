import { onAcceptFailure } from '../sockets/accept-failure.ts';
import { type Address, Socket } from '../sockets/socket.ts';
import { fail } from './fail.ts';
import { announce, log } from './log.ts';
import { readOptions, type ServerOptions } from './options.ts';

// In each thread of a step, too: they all load this file.
onAcceptFailure(({ code }) => log(`cannot accept a client: ${code}, trying again`));

let whenListening = (_address: Address): void => {};

/** Sets a function for {@link listen} to call after the first line of output: `npm start` says there how to talk to the step. */
export function onListening(callback: (address: Address) => void): void {
  whenListening = callback;
}

/**
 * The listener of a step: `Socket.listen()` where the command line says, and the first line of output,
 * `listening on 127.0.0.1:12345`. If that is not possible, the program ends with one line that says why.
 */
export function listen(options: ServerOptions = readOptions()): Socket {
  const listener = openOrFail(options, '--port');
  const address = listener.localAddress();
  announce(`listening on ${address}`);
  whenListening(address);
  return listener;
}

/** A listener, or one line that says why there is none, with the option that takes another port. */
export function openOrFail(options: { host: string; port: number }, option: string): Socket {
  try {
    return Socket.listen(options);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const remedy = code === 'EADDRINUSE' ? `: end that server, or take another port with ${option}` : '';
    return fail(`${message}${remedy}`);
  }
}
