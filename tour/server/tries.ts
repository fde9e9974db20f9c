// The proposals of the headers under `Try:` that clients can carry out, so that one click plays them.

import { findSteps, partOf, type Step } from '../../scripts/steps.ts';

/** One proposal. */
export type Try = {
  /** The words of the header that it plays. */
  words: string;
  options: readonly string[];
  /** What clients do, one after the other: `A connects`, `B says hello`; or at once: `and B says hello`. */
  acts: readonly string[];
};

const three = ['A connects', 'B connects', 'C connects', 'A says one', 'B says two', 'C says three'];
const flood = ['A connects', 'B connects', 'A stops reading', 'A talks without end', 'B says hello'];
const late = [...flood, 'B says hello', 'B says hello', 'A reads again'];
const quiet = ['--quiet'];

const THREE = 'nc localhost 12345 in three terminals';
const NEVER = 'a client that talks and never reads';
const CHAT = 'NICK alice, SAY hello, MSG alice psst, WHO, QUIT';
const chat = [
  ...['A connects', 'B connects', 'C connects', 'A says NICK alice', 'B says SAY hello'],
  ...['C says MSG alice psst', 'B says WHO', 'C says QUIT'],
];
const stopped = [
  ...[
    'A connects',
    'B connects',
    'C connects',
    'B stops reading',
    'A talks without end SAY the quick brown fox',
  ],
  ...['C says WHO', 'C says WHO', 'C says WHO'],
];
const chats = [play(CHAT, chat, quiet), play('stop one of them with Ctrl-Z', stopped, quiet)];

const body = '{"jsonrpc":"2.0","id":1,"method":"time"}';
const request = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const ten = [
  play('--protocol zen', ['A connects', 'A sends Explicit is better than?'], ['--protocol', 'zen']),
  play('--protocol http', ['A connects', `A sends ${request}`], ['--protocol', 'http']),
];
const hear = ['A connects', 'A says HELP', 'A says TIME', 'A says QUIT'];
const computing = (n: number) => ['A connects', 'B connects', `A says FIB ${n}`, 'and B says ECHO hello'];

const played = new Map<string, Try[]>([
  ['single1', [play('then type a line', ['A connects', 'A says hello', 'A leaves'])]],
  ['single2', [play('reset the connection', ['A connects', 'A says hi', 'A resets'])]],
  [
    'single3',
    [
      play('nc localhost 12345 in two terminals', [
        ...['A connects', 'B connects', 'A says first', 'B says second', 'A leaves'],
      ]),
    ],
  ],
  [
    'single6',
    [
      play("printf 'one\\ntwo\\nthr'", [
        'A connects',
        'A sends one\ntwo\nthr',
        'A sends ee\n',
        'A ends its half',
      ]),
    ],
  ],
  [
    'single7',
    [
      play('echo hello, time, dance, quit', [
        ...['A connects', 'A says echo hello', 'A says time', 'A says dance', 'A says quit'],
      ]),
      play('SERVE root', ['A connects', 'A says SERVE root', 'A says echo hello', 'A says CONSTRUCTOR']),
      play('after RUN', ['A connects', 'A says RUN', 'A says echo hello']),
    ],
  ],
  [
    'single8',
    [
      play('RUN, SERVE root, CONSTRUCTOR', [
        ...['A connects', 'A says RUN', 'A says SERVE root', 'A says CONSTRUCTOR'],
      ]),
      play('SERSERVEVE root', ['A connects', 'A says SERSERVEVE root', 'A says DISPATCH echo inside']),
    ],
  ],
  [
    'single9',
    [
      play('HELP, RUN, CONSTRUCTOR, SERSERVEVE', [
        ...['A connects', 'A says HELP', 'A says RUN', 'A says CONSTRUCTOR', 'A says SERSERVEVE'],
      ]),
    ],
  ],
  ['single10', [play('--crlf', ['A connects', 'A sends ECHO a\nb\r\n'], ['--crlf'])]],
  ['thread4', [play(THREE, three)]],
  [
    'accept4',
    // With two threads, three clients show what four threads and five clients do.
    [play('the fifth waits until one of them leaves', [...three, 'A leaves'], ['--workers', '2'])],
  ],
  [
    'drain4',
    [play('--on-stop join', ['A connects', 'A says hello', 'stop', 'A leaves'], ['--on-stop', 'join'])],
  ],
  ['pool4', [play('--workers 2', [...three, 'A leaves'], ['--workers', '2'])]],
  ['prefork4', [play('nc localhost 12345 in a few terminals', three)]],
  [
    'thread9',
    [
      play('HELP, TIME, QUIT', [
        ...['A connects', 'B connects', 'A says HELP', 'B says TIME', 'A says QUIT', 'B says QUIT'],
      ]),
    ],
  ],
  [
    'thread11',
    [play('NICK alice, SAY hello', chat, quiet), play('stop one of the three with Ctrl-Z', stopped, quiet)],
  ],
  ['poll3', [play(THREE, three), play('a client', flood, quiet)]],
  ['select3', [play(THREE, three), play('send 20 MB, read after four seconds', late, quiet)]],
  ['select6', [play(THREE, three), play(NEVER, flood, quiet)]],
  ['select9', [play('HELP, TIME, QUIT', hear)]],
  ['multi6', [play('nc localhost 12345 in a few terminals', three, ['--processes', '2'])]],
  [
    'select12',
    [
      play('--line-timeout 5', ['A connects', 'A sends half'], ['--line-timeout', '5']),
      // Two, because there are three clients here, not four.
      play('--max-per-address 3', ['A connects', 'B connects', 'C connects'], ['--max-per-address', '2']),
      play('A client that asks and never reads', flood, quiet),
      play('Ctrl-C, with a client or two', ['A connects', 'B connects', 'stop']),
    ],
  ],
  ['ring3', [play(THREE, three)]],
  ['ring6', [play(THREE, three), play(NEVER, flood, quiet)]],
  ['ring10', [play('HELP, TIME, QUIT', hear)]],
  ['ring11', chats],
  ['generator7', [play('FIB 32', computing(32)), play('FIB 40', computing(40))]],
  ['work7', [play('--workers 1', [...computing(40), 'C connects', 'C says FIB 40'], ['--workers', '1'])]],
  ['thread10', ten],
  ['select10', ten],
  ['generator10', ten],
  ['select11', chats],
  [
    'generator4',
    [
      play('nc localhost 12345 in a terminal, and type hello', [
        ...['A connects', 'A says hello', 'B connects', 'C connects'],
      ]),
    ],
  ],
  ['loop4', [play(THREE, three)]],
  ['generator6', [play(THREE, three), play(NEVER, flood, quiet)]],
  [
    'task6',
    [
      play(
        'say nothing',
        ['A connects', 'B connects', 'A leaves', 'stop'],
        ['--warn-after', '3', '--close-after', '6', '--stats', '1000'],
      ),
    ],
  ],
  ['callback6', [play(THREE, three)]],
  ['generator11', chats],
]);

/** The proposals of a step's header that can be played. It may refer to those of another step. */
export function triesOf(step: Step): Try[] {
  const [, other] = /what you tried with (\w+)/.exec(partOf(step, 'Try')) ?? [];
  const before = other === undefined ? undefined : findSteps().get(other);
  return [...(before ? triesOf(before) : []), ...(played.get(step.name) ?? [])];
}

/** The proposals of a step's own header: for a test, which finds the words there. */
export const ownTries: ReadonlyMap<string, readonly Try[]> = played;

function play(words: string, acts: readonly string[], options: readonly string[] = []): Try {
  return { words, acts, options };
}
