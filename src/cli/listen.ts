import { onAcceptFailure } from '../sockets/accept-failure.ts';
import { type Address, type Bounds, type Endpoint, Socket } from '../sockets/socket.ts';
import { fail } from './fail.ts';
import { announce, log } from './log.ts';
import { readOptions, type ServerOptions } from './options.ts';

// All threads of a step load this file, so this is set in each.
onAcceptFailure(({ code }) => log(`cannot accept a client: ${code}, trying again`));

let whenListening = (_address: Address): void => {};

/** Sets a function for {@link listen} to call after its line of output: `npm start` prints how to talk to the step. */
export function onListening(callback: (address: Address) => void): void {
  whenListening = callback;
}

/**
 * The listener of a step, at the address on the command line. Prints the first line of output, `listening on 127.0.0.1:12345`.
 * If it can't listen, the program ends with one line that says why.
 */
export function listen(options: ServerOptions & Bounds = readOptions()): Socket {
  const listener = openOrFail(options, '--port');
  const address = listener.localAddress();
  announce(`listening on ${address}`);
  whenListening(address);
  return listener;
}

/** A listener. If it can't listen, the program ends with one line that says why, and names the option for another port. */
export function openOrFail(options: Endpoint & Bounds, option: string): Socket {
  try {
    return Socket.listen(options);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const remedy = code === 'EADDRINUSE' ? `: end that server, or take another port with ${option}` : '';
    return fail(`${message}${remedy}`);
  }
}
