import { type BehaviourName, behaviours, CTRL_C, type Subject } from './behaviours.ts';
import { AnswerError, Client, type ClientOptions } from './client.ts';
import { ExpectationError } from './inbox.ts';
import type { Symptom } from './symptoms.ts';

/** How a behaviour failed. */
export type Failure = {
  error: ExpectationError;
  symptom: Symptom;
  /** Those of the conversation, in the order in which they connected: what each did and saw is in its history. */
  clients: Client[];
};

/** How long a program may take to end once its connections have, in milliseconds. */
const GRACE = 500;

/** Tries a behaviour on a server. Returns undefined if it passes. */
export async function attempt(
  name: BehaviourName,
  server: Omit<Subject, 'connect'>,
  options: ClientOptions = {},
): Promise<Failure | undefined> {
  const { port, program, level } = server;
  const clients: Client[] = [];
  const isBusy = () => program?.isBusy ?? false;
  const connect = async () => {
    const client = await Client.connect(port, { isBusy, notices: level >= 11, ...options });
    clients.push(client);
    return client;
  };
  try {
    await behaviours[name].converse({ ...server, connect });
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpectationError)) throw error;
    return { error, symptom: await diagnose(name, error, server, clients), clients };
  } finally {
    for (const client of clients) client.close();
  }
}

/** What the failure looks like. To find out, other clients may be closed. */
async function diagnose(
  name: BehaviourName,
  error: ExpectationError,
  { program }: Pick<Subject, 'program'>,
  clients: readonly Client[],
): Promise<Symptom> {
  if (error.suspect && !(error instanceof AnswerError)) return error.suspect;
  const ctrlC = name === CTRL_C;
  if (error.why !== 'silence' && error.why !== 'other' && !ctrlC && (await program?.endsWithin(GRACE))) {
    return 'the process ended';
  }
  if (error.suspect && !clients.some(sawReset)) return error.suspect;
  if (!(error instanceof AnswerError)) return ctrlC ? 'it goes on after Ctrl-C' : 'nobody listens any more';
  const { client, expected, received, why } = error;
  if (sawReset(client)) return 'the connection was reset';
  if (why === 'other') return 'other bytes came';
  if (why === 'end') {
    const saidAll = client.history.some(({ what }) => what === 'ends its half');
    return saidAll ? 'bytes are missing at the end' : 'the server closed the connection';
  }
  if (expected.length === 0)
    return ctrlC ? 'it goes on after Ctrl-C' : 'the server keeps the connection open';
  if (await comesWithoutOthers(error, clients)) return 'the answer came only after another client left';
  if (await program?.endsWithin(GRACE)) return 'the process ended'; // The other client was its only one.
  const lastSent = client.history.findLastIndex(({ what }) => what === 'sends');
  const some = received.length > 0 || client.history.slice(lastSent).some(({ what }) => what === 'receives');
  return some ? 'only a part came' : 'nothing came';
}

function sawReset({ history }: Client): boolean {
  return history.some(({ what }) => what === 'sees a reset');
}

/** Closes the other clients, and finds out whether the answer comes now. */
async function comesWithoutOthers(
  { client, expected }: AnswerError,
  clients: readonly Client[],
): Promise<boolean> {
  const others = clients.filter((other) => other !== client && !other.socket.destroyed);
  for (const other of others) other.close();
  return (
    others.length > 0 &&
    client.expect(expected).then(
      () => true,
      () => false,
    )
  );
}
