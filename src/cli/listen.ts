import { Socket } from '../sockets/socket.ts';
import { orFail } from './fail.ts';
import { print } from './log.ts';
import { readOptions, type ServerOptions } from './options.ts';

/**
 * The listener of a step: `Socket.listen()` where the command line says, and the first line of output,
 * `listening on 127.0.0.1:12345`. If that is not possible, the program ends with one line that says why.
 */
export function listen(options: ServerOptions = readOptions()): Socket {
  const listener = orFail(() => Socket.listen(options));
  print(`listening on ${listener.localAddress()}`);
  return listener;
}
