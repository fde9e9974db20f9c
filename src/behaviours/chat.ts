// The behaviours of level 11: users who talk to each other.

import type { AnswerError, Client } from './client.ts';
import { type Behaviour, echo, hear, suspecting, WELCOME } from './conversing.ts';

/** How many lines each user of a chat sends. */
const LINES = 50;

export const chatBehaviours = {
  /** Each user receives all lines of the others: every line once, whole, and in the order in which it was sent. */
  'users receive each line once, in order': {
    level: 11,
    step: 'select11',
    converse: async (subject) => {
      const users = [await subject.connect(), await subject.connect(), await subject.connect()];
      // A user who has been welcomed receives every line that is sent after that.
      for (const user of users) await user.notice(WELCOME, '* welcome, guest1');
      for (const [who, user] of users.entries()) {
        void user.send(Array.from({ length: LINES }, (_, n) => `SAY ${who} says ${n}\n`).join(''));
      }
      for (const [who, user] of users.entries()) {
        await hearOthers(
          user,
          [0, 1, 2].filter((other) => other !== who),
        );
        await suspecting('lines arrived twice', echo(subject, user, 'that was all'));
      }
    },
  },

  'users have names': {
    level: 11,
    step: 'select11',
    converse: async ({ connect }) => {
      const [ann, ben] = [await connect(), await connect()];
      await ben.notice(WELCOME, '* welcome, guest2');
      await ann.send('NICK ann\n');
      for (const user of [ann, ben]) await user.notice(/^\* \S+ is now ann$/, '* guest1 is now ann');
      await ben.send('NICK ben\nNICK ann\n');
      await ann.notice(/^\* \S+ is now ben$/, '* guest2 is now ben');
      await hear(ben, ['ERROR name taken: ann']);
      await ann.send('WHO\nMSG ben psst\nMSG nemo hello\n');
      await ann.match(/^WHO (\S+ )*ann (\S+ )*ben( \S+)*$/, 'WHO ann ben');
      await hear(ann, ['ERROR no such user: nemo']);
      await hear(ben, ['-ann- psst']);
      await ann.send('QUIT\n');
      await hear(ann, ['BYE']);
      await ben.notice(/^\* ann left$/, '* ann left');
    },
  },
} satisfies Record<string, Behaviour>;

/** Expects all lines of these users, those of each in their order. */
async function hearOthers(user: Client, others: readonly number[]): Promise<void> {
  const next = new Map(others.map((other) => [other, 0]));
  for (let heard = 0; heard < others.length * LINES; heard++) {
    const due = [...next].map(([other, n]) => `${other} says ${n}`);
    const pattern = new RegExp(`^<\\S+> (${due.join('|')})$`);
    const line = await user.match(pattern, `<guest> ${due[0]}`).catch((error: AnswerError) => {
      const [other, n] = saidIn(`${error.received}`);
      const again = error.why === 'other' && n < (next.get(other) ?? LINES);
      error.suspect = again ? 'lines arrived twice' : 'lines are lost, or in another order';
      throw error;
    });
    const [other, n] = saidIn(line);
    next.set(other, n + 1);
  }
}

function saidIn(line: string): [who: number, n: number] {
  const [, who, n] = /> (\d) says (\d+)/.exec(line) ?? [];
  return [Number(who), Number(n)];
}
