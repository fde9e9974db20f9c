import type { Framing } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { WebSocketProtocol } from '../protocol/websocket.ts';
import type { Bounds, Socket } from '../sockets/socket.ts';
import { listen, openOrFail } from './listen.ts';
import { announce } from './log.ts';
import type { ServerOptions, Values } from './options.ts';
import { numberOrFail } from './parse.ts';
import { anyOriginOption } from './protocol-options.ts';

/** The options of a chat that browsers may join. For {@link readOptions}. */
export const webOptions = {
  'web-port': { default: '', help: 'the port of a web page that joins the chat by WebSocket' },
  'any-origin': anyOriginOption,
};

/** A listener, and the framing of its clients. Each connection needs a new link: `framing()` makes one. */
export type ChatListener = { listener: Socket; framing: () => Framing };

/**
 * The listeners of a chat: one for lines, and with `--web-port` another for browsers.
 *
 * @param bounds the most bytes of a line or message, and how many unsent bytes of a client the kernel keeps
 * @param inherited the listeners that this function has opened in another process, with the same options
 */
export function listenForChat(
  options: ServerOptions & Values<typeof webOptions>,
  bounds: Bounds & { maxLine?: number } = {},
  inherited: readonly Socket[] = [],
): ChatListener[] {
  const { maxLine, maxUnsent } = bounds;
  const { host, 'web-port': webPort, 'any-origin': anyOrigin } = options;
  const port = webPort && numberOrFail(webPort, 'Cannot use --web-port', { max: 65_535 });
  const web = inherited[1] ?? (port === '' ? undefined : openOrFail({ host, port, maxUnsent }, '--web-port'));
  const listeners: ChatListener[] = [
    { listener: inherited[0] ?? listen({ ...options, maxUnsent }), framing: () => new LineProtocol(maxLine) },
  ];
  if (web) {
    if (inherited.length === 0) announce(`web page at http://${web.localAddress()}/`);
    listeners.push({ listener: web, framing: () => new WebSocketProtocol(anyOrigin, maxLine) });
  }
  return listeners;
}
