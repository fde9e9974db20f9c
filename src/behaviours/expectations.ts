// What each step does, and what it gets wrong on purpose. `npm run matrix` checks this table.

import { type BehaviourName, behaviours, ENDLESS, SIGTERM } from './behaviours.ts';
import type { Symptom } from './symptoms.ts';

/** ✔ the step passes, ✘ it fails on purpose, – the behaviour does not apply. */
export type Expectation = '✔' | '✘' | '–';

// The columns, in the order of `behaviours`: echoes bytes back, next client, half-close, reset, Ctrl-C; two at once, never
// reads; lines however cut, a character cut in two, CRLF, slow reader; commands, a number; hostile command; lines of
// users, names; the limits: an endless line, a line that trickles, an idle client, two kinds of clients that never read, the
// number of clients, and of those from one address; status, SIGTERM.
const table = `
  single1      ✔ ✘ ✔ ✘ ✔ ✘ ✘ – – – ✔ – – – – – – – – – – – – – –
  single2      ✔ ✘ ✔ ✘ ✔ ✘ ✘ – ✘ – ✔ – – – – – – – – – – – – – –
  single3      ✔ ✔ ✔ ✔ ✔ ✘ ✘ – ✘ – ✔ – – – – – – – – – – – – – –
  single4      ✔ ✔ ✔ ✔ ✔ ✘ ✘ – ✘ – ✔ – – – – – – – – – – – – – –
  single5      ✔ ✔ ✔ ✔ ✔ ✘ ✘ – ✘ – ✔ – – – – – – – – – – – – – –
  single6      ✔ ✔ ✔ ✔ ✔ ✘ ✘ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ – – ✘ ✘
  single7      – ✔ ✔ ✔ ✔ ✘ ✘ ✔ ✔ ✔ ✔ ✔ – ✘ – – ✘ ✘ ✘ – ✘ – – ✘ ✘
  single8      – ✔ ✔ ✔ ✔ ✘ ✘ ✔ ✔ ✔ ✔ ✔ – ✘ – – ✘ ✘ ✘ – ✘ – – ✘ ✘
  single9      – ✔ ✔ ✔ ✔ ✘ ✘ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✘ ✘ ✘ – ✘ – – ✘ ✘
  single10     – ✔ ✔ ✔ ✔ ✘ ✘ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ – – ✘ ✘
  thread4      ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  accept4      ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  drain4       ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  pool4        ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  prefork4     ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  thread9      – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  thread10     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  thread11     – ✔ ✔ ✔ ✔ ✔ ✘ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  poll3        ✔ ✔ ✔ ✔ ✔ ✔ ✘ – ✘ – ✔ – – – – – – – – – – – – – –
  select3      ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✘ – – – – – – – – – – – – – –
  select6      ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  multi6       ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  reactor6     ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  select9      – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  select10     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  select11     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  select12     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  ring3        ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  ring6        ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  ring10       – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  ring11       – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  generator4   ✘ ✘ ✘ ✘ ✔ ✘ ✘ – ✘ – ✘ – – – – – – – – – – – – – –
  loop4        ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✘ – ✔ – – – – – – – – – – – – – –
  generator6   ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  task6        ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ – – ✘ ✘ ✘ ✘ ✘
  await6       ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  callback6    ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  stream6      ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – – – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  generator7   – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✘ ✔ – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  work7        – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – – ✘ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  generator10  – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  await10      – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  callback10   – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  stream10     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ – – ✔ ✘ ✘ – ✘ ✘ ✘ ✘ ✘
  generator11  – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  await11      – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  await12      – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  await13      – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
  callback11   – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  stream11     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✘ ✘ ✘ ✘ ✘ ✘ ✘ ✘
  stream12     – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ – ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔ ✔
`;

const names = Object.keys(behaviours) as BehaviourName[];

/** The row of each step: what is expected of it in each behaviour. */
export const expectations = new Map<string, Map<BehaviourName, Expectation>>(
  table
    .trim()
    .split('\n')
    .map((row) => {
      const [step = '', ...marks] = row.trim().split(/\s+/) as [string, ...Expectation[]];
      if (marks.length !== names.length)
        throw new Error(`${step}: ${marks.length} marks, ${names.length} columns`);
      return [step, new Map(names.map((name, i) => [name, marks[i] as Expectation]))];
    }),
);

const NEVER_READS = 'a client that never reads stops no other';
const LATE = 'the answer arrived only after another client left';
const HALF = 'the log shows half a character';

type Flaw = [steps: string, behaviour: BehaviourName, symptom: Symptom, mender: string];

/** The symptoms of all steps without limits. */
const unlimited: [behaviour: BehaviourName, symptom: Symptom][] = [
  [ENDLESS, 'a line may have any length'],
  ['a line that trickles in times out', 'a client may stay for ever'],
  ['an idle client is disconnected', 'a client may stay for ever'],
  ['a chat user who never reads is cut off', 'the server keeps a client that does not read'],
  ['a client that never reads its answers is cut off', 'the server keeps a client that does not read'],
  ['the number of clients is limited', 'no client is refused'],
  ['the number of clients of one address is limited', 'no client is refused'],
  ['reports its status', 'the server reports no status'],
  [SIGTERM, 'SIGTERM ends the server at once'],
];

/** What the steps get wrong on purpose, the symptom, and the step that mends it. */
const flaws: Flaw[] = [
  ['single1 single2', 'serves the next client', 'the process ended', 'single3'],
  ['single1 single2', 'survives a reset', 'the process ended', 'single3'],
  ['single1 single2', 'serves two at once', 'the process ended', 'thread4'],
  ['single1 single2', NEVER_READS, 'the process ended', 'thread4'],
  ['single', 'serves two at once', LATE, 'thread4'],
  ['single', NEVER_READS, LATE, 'thread4'],
  [
    'single7 single8',
    'a hostile command name does no harm',
    'a word that is no command was obeyed',
    'single9',
  ],
  [
    'generator7',
    'computing for one user delays no other',
    'a number was computed before the next user was answered',
    'work7',
  ],
  ['thread11', NEVER_READS, LATE, 'select11'],
  ['poll3', NEVER_READS, LATE, 'select6'],
  ['select3', 'a slow reader gets every byte', 'bytes are missing after a pause', 'select6'],
  ['generator4', 'a character cut in two stays whole', 'no answer arrived', 'generator6'],
  ...names.map((name): Flaw => ['generator4', name, 'no answer arrived', 'loop4']),
  ['loop4', 'a character cut in two stays whole', HALF, 'generator6'],
  ['poll3 select3', 'a character cut in two stays whole', HALF, 'select6'],
  ['ring3', 'a character cut in two stays whole', HALF, 'ring6'],
  ['single', 'a character cut in two stays whole', HALF, 'single6'],
  ['thread4 accept4 drain4 pool4 prefork4', 'a character cut in two stays whole', HALF, 'thread9'],
  ...unlimited.map(([name, symptom]): Flaw => ['any', name, symptom, 'select12']),
];

/** The symptom of a behaviour that a step gets wrong on purpose, and the step that mends it. */
export function flaw(step: string, behaviour: BehaviourName): { symptom: Symptom; mender: string } {
  const mechanism = step.replace(/\d+$/, '');
  const found = flaws.find(
    ([steps, name]) =>
      name === behaviour && steps.split(' ').some((some) => [step, mechanism, 'any'].includes(some)),
  );
  const [, , symptom, mender] = found ?? [];
  if (!symptom || !mender || expectations.get(mender)?.get(behaviour) !== '✔') {
    throw new Error(`No step mends what ${step} gets wrong: ${behaviour}`);
  }
  return { symptom, mender };
}
