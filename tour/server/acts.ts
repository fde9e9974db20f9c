// The requests of the page. The server checks all of a request before it acts.

import type { Step } from '../../scripts/steps.ts';
import { optionsOf, steps } from '../content/content.ts';
import { type Doing, doings, type Name, names } from './clients.ts';
import { type Try, triesOf } from './tries.ts';

export type Start = { step: Step; options: readonly string[] };

export type Act =
  | ({ act: 'start'; side: number } & Start)
  | { act: 'stop'; side: number }
  | { act: 'scene'; starts: Start[]; slower: number }
  | { act: 'client'; side: number; name: Name; doing: Doing; text: string }
  | { act: 'try'; step: Step; proposal: Try }
  | { act: 'forget' };

/** A page shows two steps at most. */
const SIDES = 2;
/** The longest text of one send, in characters. */
const LONGEST = 10_000;
/** How much slower than real the scene may be. */
const SLOWEST = 20;

type Fields = Readonly<Record<string, unknown>>;

/** Reads a request. @throws Error that says what is wrong with it */
export function readAct(json: string): Act {
  const asked: unknown = JSON.parse(json);
  if (typeof asked !== 'object' || asked === null) throw new Error('no object');
  const fields = asked as Fields;
  const side = Number(fields.side ?? 0);
  if (![0, 1].includes(side)) throw new Error('no such side');
  switch (fields.act) {
    case 'start':
      return { act: 'start', side, ...readStart(fields) };
    case 'stop':
      return { act: 'stop', side };
    case 'scene':
      return {
        act: 'scene',
        starts: readStarts(fields.starts),
        slower: readNumber(fields.slower, 1, SLOWEST),
      };
    case 'client':
      return { act: 'client', side, ...readDoing(fields) };
    case 'try': {
      const { step } = readStart(fields);
      const proposal = triesOf(step)[readNumber(fields.index, 0, 10)];
      if (!proposal) throw new Error('no such proposal');
      return { act: 'try', step, proposal };
    }
    case 'forget':
      return { act: 'forget' };
    default:
      throw new Error('no such act');
  }
}

function readStarts(starts: unknown): Start[] {
  if (!Array.isArray(starts) || starts.length < 1 || starts.length > SIDES)
    throw new Error('one step, or two');
  return starts.map((start) => readStart(start as Fields));
}

/** Allows only existing steps, with options that the page offers. */
function readStart({ step: name, options = [] }: Fields): Start {
  const step = steps.get(`${name}`);
  if (!step) throw new Error('no such step');
  const offered = optionsOf(step).find((offered) => JSON.stringify(offered) === JSON.stringify(options));
  if (!offered) throw new Error('no such options');
  return { step, options: offered };
}

function readDoing({ name, doing, text = '' }: Fields): { name: Name; doing: Doing; text: string } {
  const known = names.find((one) => one === name);
  const does = doings.find((one) => one === doing);
  if (!known) throw new Error('no such client');
  if (!does) throw new Error('no client does that');
  if (typeof text !== 'string' || text.length > LONGEST) throw new Error('no text, or too long');
  return { name: known, doing: does, text };
}

function readNumber(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most)) throw new Error('no such number');
  return value;
}
