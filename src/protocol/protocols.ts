// All protocols by their names, each with the chain that it is made of.

import { chain, type Layer, type Receiver, type Transport } from './chain.ts';
import { CommandProtocol } from './commands.ts';
import { EchoProtocol } from './echo.ts';
import { FingerProtocol } from './finger.ts';
import { FixedSizeProtocol } from './fixed-size.ts';
import { HttpProtocol } from './http.ts';
import { JsonProtocol } from './json.ts';
import { JsonRpcProtocol } from './json-rpc.ts';
import { JsonTextProtocol } from './json-text.ts';
import { LengthPrefixProtocol } from './length-prefix.ts';
import { CrlfLineProtocol, LineProtocol } from './lines.ts';
import { OracleProtocol } from './oracle.ts';
import { QuestionProtocol } from './questions.ts';
import { TextProtocol } from './text.ts';
import { WebSocketProtocol } from './websocket.ts';
import { ZenProtocol } from './zen.ts';

/** Chooses a protocol. */
export type ProtocolOptions = {
  protocol: string;
  /** How a message shows its end, in the protocols of {@link framedProtocols}. */
  framing: string;
  /** After how many questions of a client the oracle closes the connection. 0: never. */
  'max-questions': number;
  /** Whether pages of other servers may open a WebSocket. */
  'any-origin': boolean;
};

const framings = new Map<string, () => Layer<Buffer, Buffer>>([
  ['lines', () => new LineProtocol()],
  ['fixed', () => new FixedSizeProtocol()],
  ['length', () => new LengthPrefixProtocol()],
  ['json', () => new JsonProtocol()],
]);

/** The names of all framings. */
export const framingNames: readonly string[] = [...framings.keys()];

/** The protocols that take any framing. Each of the others has its own. */
export const framedProtocols: readonly string[] = ['echo', 'commands', 'json-rpc'];

type Build = (transport: Transport<Buffer>, options: ProtocolOptions) => Receiver<Buffer>;

const protocols = new Map<string, Build>([
  ['echo', (transport, options) => chain(transport, frame(options), new EchoProtocol())],
  [
    'commands',
    (transport, options) => chain(transport, frame(options), textOf(options), new CommandProtocol()),
  ],
  ['zen', (transport) => chain(transport, new QuestionProtocol(), new TextProtocol(), new ZenProtocol())],
  [
    'oracle',
    (transport, { 'max-questions': most }) =>
      chain(transport, new QuestionProtocol(), new TextProtocol(), new OracleProtocol(most || undefined)),
  ],
  [
    'json-rpc',
    (transport, options) => chain(transport, frame(options), new TextProtocol(), new JsonRpcProtocol()),
  ],
  ['http', (transport) => chain(transport, new HttpProtocol(), new TextProtocol(), new JsonRpcProtocol())],
  [
    'finger',
    (transport) => chain(transport, new CrlfLineProtocol(), new TextProtocol(), new FingerProtocol()),
  ],
  [
    'websocket',
    (transport, { 'any-origin': anyOrigin }) =>
      chain(transport, new WebSocketProtocol(anyOrigin), new TextProtocol(), new CommandProtocol()),
  ],
]);

/** The names of all protocols. */
export const protocolNames: readonly string[] = [...protocols.keys()];

/**
 * Makes a new chain of the protocol that the options name, on a transport. Returns its lowest link: hand it the bytes that
 * arrive.
 *
 * @throws RangeError if there is no such protocol, or no such framing
 */
export function buildChain(options: ProtocolOptions, transport: Transport<Buffer>): Receiver<Buffer> {
  const make = protocols.get(options.protocol);
  if (!make) throw new RangeError(`Cannot speak ${JSON.stringify(options.protocol)}: no such protocol`);
  return make(transport, options);
}

function frame({ framing }: ProtocolOptions): Layer<Buffer, Buffer> {
  const make = framings.get(framing);
  if (!make) throw new RangeError(`Cannot frame by ${JSON.stringify(framing)}: no such framing`);
  return make();
}

/** In JSON, text is a string in quotes. */
function textOf({ framing }: ProtocolOptions): TextProtocol {
  return framing === 'json' ? new JsonTextProtocol() : new TextProtocol();
}
