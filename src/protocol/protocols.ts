// All protocols by their names, each as the chain that it is.

import { chain, type Receiver, type Transport } from './chain.ts';
import { CommandProtocol } from './commands.ts';
import { EchoProtocol } from './echo.ts';
import { FingerProtocol } from './finger.ts';
import { HttpProtocol } from './http.ts';
import { JsonRpcProtocol } from './json-rpc.ts';
import { CrlfLineProtocol, LineProtocol } from './lines.ts';
import { OracleProtocol } from './oracle.ts';
import { QuestionProtocol } from './questions.ts';
import { TextProtocol } from './text.ts';
import { ZenProtocol } from './zen.ts';

/** Which protocol it is to be. */
export type ProtocolOptions = {
  protocol: string;
  /** How many questions the oracle answers a client, 0 any number. */
  'max-questions': number;
};

type Build = (transport: Transport<Buffer>, options: ProtocolOptions) => Receiver<Buffer>;

const protocols = new Map<string, Build>([
  ['echo', (transport) => chain(transport, new LineProtocol(), new EchoProtocol())],
  [
    'commands',
    (transport) => chain(transport, new LineProtocol(), new TextProtocol(), new CommandProtocol()),
  ],
  ['zen', (transport) => chain(transport, new QuestionProtocol(), new TextProtocol(), new ZenProtocol())],
  [
    'oracle',
    (transport, { 'max-questions': most }) =>
      chain(transport, new QuestionProtocol(), new TextProtocol(), new OracleProtocol(most || undefined)),
  ],
  [
    'json-rpc',
    (transport) => chain(transport, new LineProtocol(), new TextProtocol(), new JsonRpcProtocol()),
  ],
  ['http', (transport) => chain(transport, new HttpProtocol(), new TextProtocol(), new JsonRpcProtocol())],
  [
    'finger',
    (transport) => chain(transport, new CrlfLineProtocol(), new TextProtocol(), new FingerProtocol()),
  ],
]);

/** The names of all there are. */
export const protocolNames: readonly string[] = [...protocols.keys()];

/**
 * Ties a new chain of the protocol that the options name to a transport. Returns its lowest link: hand it what arrives.
 *
 * @throws RangeError if there is no such protocol
 */
export function buildChain(options: ProtocolOptions, transport: Transport<Buffer>): Receiver<Buffer> {
  const make = protocols.get(options.protocol);
  if (!make) throw new RangeError(`Cannot speak ${JSON.stringify(options.protocol)}: no such protocol`);
  return make(transport, options);
}
