import { Protocol } from './chain.ts';

type Person = { name: string; office: string; plan: string[] };

/** The users that this server knows. */
const people = new Map<string, Person>([
  ['ada', { name: 'Ada Lovelace', office: 'London', plan: ['To weave algebraical patterns.'] }],
  ['alan', { name: 'Alan Turing', office: 'Manchester', plan: ['To see whether it ever ends.'] }],
  [
    'grace',
    { name: 'Grace Hopper', office: 'Arlington', plan: ['To find the moth.', 'To show a nanosecond.'] },
  ],
]);

/**
 * Answers one line with some lines, and closes. An empty line asks for all users, a name for that user, and `/W` before the
 * name for more. It refuses to forward a question to another host.
 *
 * @see RFC 1288, section 2.3, {Q1} and {Q2}
 */
export class FingerProtocol extends Protocol<string> {
  received(query: string): void {
    const question = query.trim();
    const verbose = /^\/W( |$)/i.test(question);
    const name = verbose ? question.slice(2).trim() : question;
    for (const line of answer(name, verbose)) this.below.send(line);
    this.close();
  }

  override tooLong(limit: number): void {
    this.below.send(`finger: question longer than ${limit} bytes.`);
    super.tooLong(limit);
  }
}

function answer(name: string, verbose: boolean): string[] {
  if (name.includes('@')) return ['Finger forwarding service denied.'];
  if (name !== '') {
    const person = people.get(name.toLowerCase());
    return person
      ? describe(name.toLowerCase(), person, verbose)
      : [`finger: ${printable(name)}: no such user.`];
  }
  if (!verbose)
    return ['Login    Name', ...[...people].map(([login, { name }]) => `${login.padEnd(8)} ${name}`)];
  return [...people].flatMap(([login, person], i) => [
    ...(i > 0 ? [''] : []),
    ...describe(login, person, true),
  ]);
}

function describe(login: string, { name, office, plan }: Person, verbose: boolean): string[] {
  const lines = [`Login: ${login.padEnd(24)} Name: ${name}`];
  return verbose ? [...lines, `Office: ${office}`, 'Plan:', ...plan] : lines;
}

/** The name without the characters that a terminal obeys: RFC 1288, section 3.3. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
