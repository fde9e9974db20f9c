import { type BehaviourName, behaviours, type Subject } from './behaviours.ts';
import { AnswerError, Client, type ClientOptions } from './client.ts';
import { ExpectationError } from './inbox.ts';
import type { Program } from './program.ts';
import { tell } from './story.ts';
import type { Symptom } from './symptoms.ts';

/** How a behaviour failed. */
export type Failure = {
  error: ExpectationError;
  symptom: Symptom;
  /** What the clients did and saw, a line each. Client A connected first. */
  story: string[];
};

/** Tries a behaviour on a server. Returns undefined if it passes. */
export async function attempt(
  name: BehaviourName,
  server: Omit<Subject, 'connect'>,
  options: ClientOptions = {},
): Promise<Failure | undefined> {
  const { port, program, level } = server;
  const clients: Client[] = [];
  const isBusy = () => program?.isBusy ?? false;
  const connect = async (more: ClientOptions = {}) => {
    const client = await Client.connect(port, { isBusy, notices: level >= 11, ...options, ...more });
    clients.push(client);
    return client;
  };
  try {
    await behaviours[name].converse({ ...server, connect });
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpectationError)) throw error;
    const symptom = await diagnose(error, program, clients);
    return { error, symptom, story: tell(clients) };
  } finally {
    for (const client of clients) client.close();
  }
}

/** The symptom of a failure. To find it, this may close the other clients. */
async function diagnose(
  error: ExpectationError,
  program: Program | undefined,
  clients: readonly Client[],
): Promise<Symptom> {
  if (!(error instanceof AnswerError)) {
    if (error.suspect) return error.suspect;
    return (await program?.endsSoon()) ? 'the process ended' : 'the server no longer listens';
  }
  const { client, expected, received, why, suspect } = error;
  if (why === 'end' && (await program?.endsSoon())) return 'the process ended';
  if (why === 'end' && (await client.wasReset())) return 'the connection was reset';
  if (suspect) return suspect;
  if (why === 'other') return 'the answer differs';
  const seen = client.history.map(({ what }) => what);
  if (why === 'end') {
    return seen.includes('ends its half')
      ? 'bytes are missing at the end'
      : 'the server closed the connection';
  }
  if (expected.length === 0) return 'the server keeps the connection open';
  if (await comesWithoutOthers(error, clients)) return 'the answer arrived only after another client left';
  if (client.ended && (await program?.endsSoon())) return 'the process ended'; // It served only the other client.
  const some = received.length > 0 || seen.lastIndexOf('receives') > seen.lastIndexOf('sends');
  return some ? 'only part of the answer arrived' : 'no answer arrived';
}

/** Closes the other clients. Returns whether the answer then comes. */
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
