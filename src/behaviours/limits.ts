// The behaviours of level 12: what one client may cost, and how a server stops. The limits are small, so each conversation is short.

import {
  ANY,
  type Behaviour,
  echo,
  failWith,
  hear,
  request,
  type Subject,
  suspecting,
  WELCOME,
} from './conversing.ts';
import type { Symptom } from './symptoms.ts';

export const SIGTERM = 'SIGTERM lets clients finish';
export const ENDLESS = 'a line that never ends is refused';

/** The limits that several conversations try at the same time, and the symptoms of servers without limits. */
const TIMES = '--line-timeout 0.5 --idle-timeout 0.7 --status-port {status}';
const OWED = '--max-owed 65536 --stall-timeout 1';
const STAYS: Symptom = 'a client may stay for ever';
const OWES: Symptom = 'the server keeps a client that does not read';
const CUTS: Symptom = 'SIGTERM ends the server at once';

export const limitBehaviours = {
  [ENDLESS]: {
    level: 12,
    step: 'select12',
    converse: async ({ connect }) => {
      const client = await connect();
      void client.send('x'.repeat(2 * 1024 * 1024));
      await suspecting('a line may have any length', client.match(/^ERROR /, 'ERROR line too long'), ANY);
      await client.expectEnd();
    },
  },

  'a line that trickles in times out': {
    level: 12,
    step: 'select12',
    limits: TIMES,
    converse: async ({ connect }) => {
      const client = await connect();
      const trickle = setInterval(() => void client.send('x'), 50);
      const answer = client.match(/^ERROR /, 'ERROR line timeout').finally(() => clearInterval(trickle));
      await suspecting(STAYS, answer, ANY);
      await client.expectEnd();
    },
  },

  'an idle client is disconnected': {
    level: 12,
    step: 'select12',
    limits: TIMES,
    converse: async ({ connect }) => {
      const client = await connect();
      await suspecting(STAYS, client.match(/^ERROR /, 'ERROR idle timeout'), ANY);
      await client.expectEnd();
    },
  },

  'a chat user who never reads is cut off': {
    level: 12,
    step: 'select12',
    limits: OWED,
    converse: async ({ connect }) => {
      const deaf = await connect();
      const speaker = await connect();
      const [, name] = WELCOME.exec(await suspecting(OWES, deaf.lineLike(WELCOME), ANY)) ?? [];
      deaf.socket.pause();
      void speaker.send(`SAY ${'x'.repeat(4000)}\n`.repeat(250));
      await suspecting(OWES, speaker.lineLike(new RegExp(`^\\* ${name} left$`)), ANY);
    },
  },

  'a client that never reads its answers is cut off': {
    level: 12,
    step: 'select12',
    limits: OWED,
    converse: async (subject) => {
      const client = await subject.connect();
      client.socket.pause();
      void client.send(request(subject, ['x'.repeat(4000)]).repeat(500));
      // A client that does not read learns of the end by a write that fails.
      const more = setInterval(() => void client.send('\n'), 50);
      const end = client.until('the end', () => client.ended).finally(() => clearInterval(more));
      await suspecting(OWES, end, ANY);
    },
  },

  'the number of clients is limited': {
    level: 12,
    step: 'select12',
    limits: '--max-clients 2',
    converse: ({ connect }) => isRefused(connect, 'ERROR full'),
  },

  'the number of clients of one address is limited': {
    level: 12,
    step: 'select12',
    limits: '--max-per-address 2',
    converse: ({ connect }) => isRefused(connect, 'ERROR too many connections'),
  },

  'reports its status': {
    level: 12,
    step: 'select12',
    limits: TIMES,
    converse: async ({ statusPort }) => {
      const get = async (path: string) => {
        const url = `http://127.0.0.1:${statusPort}${path}`;
        const response = await fetch(url).catch((error) => failWith(`${url}: ${error.cause}`));
        if (response.status !== 200) failWith(`${url}: ${response.status}`);
        return response.text();
      };
      await suspecting('the server reports no status', get('/health'), ANY);
      if (!/^\w*clients\w* \d+$/m.test(await get('/metrics'))) failWith('/metrics does not count clients');
    },
  },

  [SIGTERM]: {
    level: 12,
    step: 'select12',
    limits: '--drain 5',
    converse: async (subject) => {
      const { program } = subject;
      const client = await subject.connect();
      await suspecting(CUTS, echo(subject, client, 'here'), ANY);
      program?.kill('SIGTERM');
      await suspecting(CUTS, client.lineLike(/^\* .*stop/), ANY);
      await echo(subject, client, 'still here');
      await client.send('QUIT\n');
      await hear(client, ['BYE']);
      await client.expectEnd();
      client.close();
      const exit = await program?.exited();
      if (exit !== 0) failWith(`The server ended by ${exit}`);
    },
  },
} satisfies Record<string, Behaviour>;

/** Connects three clients. The server has to refuse the last one, and say why. */
async function isRefused(connect: Subject['connect'], line: string): Promise<void> {
  await connect();
  await connect();
  const third = await connect();
  await suspecting('no client is refused', third.match(/^ERROR /, line), ANY);
  await third.expectEnd();
}
