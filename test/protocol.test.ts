// The parts of protocols, without I/O: the splitter, the dispatcher, and the chain.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { chain, Layer, Protocol } from '../src/protocol/chain.ts';
import { Dispatcher } from '../src/protocol/dispatcher.ts';
import { LineProtocol } from '../src/protocol/lines.ts';
import { Splitter } from '../src/protocol/splitter.ts';
import { TextProtocol } from '../src/protocol/text.ts';
import { byteByByte, cut, cuts, type FakeTransport, streams, talk } from './fake-transport.ts';

describe('Splitter', () => {
  const split = (stream: Buffer, at: number[], delimiter: string) => {
    const splitter = new Splitter(delimiter);
    const messages: string[] = [];
    for (const piece of cut(stream, at)) {
      for (const message of splitter.push(piece)) messages.push(message.toString('latin1'));
    }
    return { messages, unfinished: splitter.unfinished.toString('latin1') };
  };

  for (const delimiter of ['\n', '\r\n', '?', '\r\n\r\n', 'é']) {
    test(`finds the same messages however a stream is cut, between ${JSON.stringify(delimiter)}`, () => {
      fc.assert(
        fc.property(streams, cuts, (stream, at) => {
          // What String.split makes of the whole stream, as characters of one byte each.
          const all = stream.toString('latin1').split(Buffer.from(delimiter).toString('latin1'));
          const expected = { messages: all.slice(0, -1), unfinished: all.at(-1) };
          for (const places of [at, byteByByte(stream)])
            expect(split(stream, places, delimiter)).toEqual(expected);
        }),
      );
    });
  }

  test('copies and searches a long message about once, however small the pieces it comes in', () => {
    const copy = vi.spyOn(Buffer.prototype, 'copy');
    const indexOf = vi.spyOn(Buffer.prototype, 'indexOf');
    const splitter = new Splitter('\r\n');
    const piece = Buffer.alloc(1000, 'x');
    for (let i = 0; i < 1000; i++) splitter.push(piece);
    expect(splitter.push(Buffer.from('\r\n'))[0]?.length).toBe(1e6);
    const copied = copy.mock.results.reduce((sum, { value }) => sum + value, 0);
    const searches = indexOf.mock.contexts.map(
      (buffer, i) => (buffer as Buffer).length - Number(indexOf.mock.calls[i]?.[1] ?? 0),
    );
    const searched = searches.reduce((sum, bytes) => sum + bytes, 0);
    vi.restoreAllMocks();
    // If each piece meant to begin again, this would be 500 times a million.
    expect(copied).toBeLessThan(4e6);
    expect(searched).toBeLessThan(2e6);
  });

  test('refuses an empty delimiter', () => {
    expect(() => new Splitter('')).toThrow(RangeError);
  });
});

describe('Dispatcher', () => {
  const answers = (line: string) => {
    const said: string[] = [];
    const dispatcher = new Dispatcher([['ECHO', (caller, text) => caller.send(text)]]);
    dispatcher.dispatch({ send: (text) => said.push(text) }, line);
    return said;
  };

  test('passes on the text behind the first space, in any case, without a \\r at the end; ignores an empty line', () => {
    for (const [line, ...expected] of [
      ['ECHO hello', 'hello'],
      ['ECHO  two  spaces ', ' two  spaces '],
      ['ECHO', ''],
      ['  ECHO a\rb\u2028c', 'a\rb\u2028c'],
      ['eChO Hello\r', 'Hello'],
      ['echo\r', ''],
      ...['', '\r', '   ', '\t\r'].map((empty) => [empty]),
    ] as [string, ...string[]][]) {
      expect(answers(line), line).toEqual(expected);
    }
  });

  test('calls all else unknown, whatever names objects inherit', () => {
    const inherited = 'constructor __proto__ toString valueOf hasOwnProperty get set size';
    for (const word of [...inherited.split(' '), 'nonsense', 'echoo', '€'])
      expect(answers(`${word} text`)).toEqual([`ERROR unknown command: ${word}`]);
  });

  test('throws at no line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (line) => {
        const [word] = line.trim().split(/\s/);
        expect(answers(line).length).toBe(word === '' ? 0 : 1);
      }),
    );
  });
});

describe('chain', () => {
  test('takes any layers that fit on each other', () => {
    const reversed = (text: string) => [...text].reverse().join('');
    class Reversed extends Layer<string, string> {
      received = (text: string) => this.above.received(reversed(text));
      send = (text: string) => this.below.send(reversed(text));
    }
    class Echo extends Protocol<string> {
      received(text: string): void {
        this.below.send(`${text}!`);
        if (text === 'bye') this.close();
      }
    }
    const make = (transport: FakeTransport) =>
      chain(transport, new LineProtocol(), new TextProtocol(), new Reversed(), new Echo());
    expect(talk(make, 'olleh\neyb\nmore\n')).toMatchObject({ sent: '!olleh\n!eyb\n', closed: true });
  });
});
