import { protocolNames } from '../protocol/protocols.ts';

/** The options of steps that speak any protocol. For {@link readOptions}. */
export const protocolOptions = {
  protocol: { default: 'commands', choices: protocolNames, help: 'what is spoken' },
  'max-questions': { default: 0, min: 0, help: 'how many the oracle answers a client, 0 any number' },
};
