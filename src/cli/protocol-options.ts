import { framedProtocols, framingNames, protocolNames } from '../protocol/protocols.ts';
import { fail } from './fail.ts';
import { type Option, readOptions, type ServerOptions, type Values } from './options.ts';

/** The option of steps that talk to browsers. */
export const anyOriginOption = { default: false, help: 'pages of other servers may open a WebSocket, too' };

const protocolOptions = {
  protocol: { default: 'commands', choices: protocolNames, help: 'the protocol' },
  framing: { default: 'lines', choices: framingNames, help: 'how the server finds the end of a message' },
  'max-questions': {
    default: 0,
    min: 0,
    help: 'how many questions the oracle answers each client, 0 for all',
  },
  'any-origin': anyOriginOption,
};

/** The options of a step that speaks any protocol, and those of its own: see {@link readOptions}. */
export function readProtocolOptions<Own extends Record<string, Option> = Record<never, Option>>(
  own?: Own,
): ServerOptions & Values<typeof protocolOptions & Own> {
  const options = readOptions({ ...protocolOptions, ...(own as Own) });
  const { protocol, framing } = options as Values<typeof protocolOptions>;
  if (framing !== 'lines' && !framedProtocols.includes(protocol)) {
    fail(`Cannot use --framing ${framing}: ${protocol} has a framing of its own`);
  }
  return options;
}
