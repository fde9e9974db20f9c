// What is said, tested by itself: there is no I/O in src/protocol.

import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { chain, Layer, Protocol } from '../src/protocol/chain.ts';
import { CommandProtocol } from '../src/protocol/commands.ts';
import { Dispatcher } from '../src/protocol/dispatcher.ts';
import { CrlfLineProtocol, LineProtocol } from '../src/protocol/lines.ts';
import { Splitter } from '../src/protocol/splitter.ts';
import { TextProtocol } from '../src/protocol/text.ts';
import { byteByByte, cut, cuts, FakeTransport, streams, talk } from './fake-transport.ts';

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
          expect(split(stream, at, delimiter)).toEqual(expected);
          expect(split(stream, byteByByte(stream), delimiter)).toEqual(expected);
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
    const searched = indexOf.mock.contexts.reduce(
      (sum, buffer, i) => sum + (buffer as Buffer).length - Number(indexOf.mock.calls[i]?.[1] ?? 0),
      0,
    );
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
    const dispatcher = new Dispatcher([
      ['ECHO', (caller, text) => caller.send(text)],
      ['NAMES', (caller) => caller.send(dispatcher.names.join(' '))],
    ]);
    dispatcher.dispatch({ send: (text) => said.push(text) }, line);
    return said;
  };

  test('passes on the text behind the first space, as it is', () => {
    expect(answers('ECHO hello')).toEqual(['hello']);
    expect(answers('ECHO  two  spaces ')).toEqual([' two  spaces ']);
    expect(answers('ECHO')).toEqual(['']);
    expect(answers('  ECHO a\rb\u2028c')).toEqual(['a\rb\u2028c']);
  });

  test('does not mind the case, nor a \\r at the end', () => {
    expect(answers('eChO Hello\r')).toEqual(['Hello']);
    expect(answers('echo\r')).toEqual(['']);
  });

  test('ignores an empty line', () => {
    for (const line of ['', '\r', '   ', '\t\r']) expect(answers(line)).toEqual([]);
  });

  test('knows its names, in their order', () => {
    expect(answers('NAMES')).toEqual(['ECHO NAMES']);
  });

  test('calls all else unknown, whatever names objects inherit', () => {
    const inherited = [
      'constructor',
      '__proto__',
      'toString',
      'valueOf',
      'hasOwnProperty',
      'get',
      'set',
      'size',
    ];
    for (const word of [...inherited, 'nonsense', 'echoo', '€']) {
      expect(answers(`${word} text`)).toEqual([`ERROR unknown command: ${word}`]);
    }
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
  const commands = (transport: FakeTransport) =>
    chain(transport, new LineProtocol(), new TextProtocol(), new CommandProtocol());
  const crlfCommands = (transport: FakeTransport) =>
    chain(transport, new CrlfLineProtocol(), new TextProtocol(), new CommandProtocol());

  test('answers each command of a packet that holds three', () => {
    expect(talk(commands, 'ECHO one\nECHO two\r\n\nHELP\n').sent).toBe('one\ntwo\nECHO TIME HELP QUIT\n');
  });

  test('tells the time as ISO 8601', () => {
    const before = new Date().toISOString();
    const told = talk(commands, 'TIME\n').sent.trim();
    expect([before, told, new Date().toISOString()].sort()[1]).toBe(told);
    expect(told).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('says BYE, closes, and acts on nothing that came behind QUIT', () => {
    const transport = talk(commands, 'ECHO one\nQUIT\nECHO two\nunfinished');
    expect(transport).toMatchObject({ sent: 'one\nBYE\n', closed: true, reports: [] });
  });

  test('reports nothing that is cut off behind QUIT, though its transport may still hear of it', () => {
    const transport = new FakeTransport();
    const protocol = commands(transport);
    protocol.received(Buffer.from('QUIT\n'));
    protocol.received(Buffer.from('half a line'));
    protocol.ended();
    expect(transport).toMatchObject({ closed: true, reports: [] });
  });

  test('reports a line that never ended, with its bytes', () => {
    expect(talk(commands, Buffer.from('HELP\nEC\xff', 'latin1')).reports).toEqual([
      'an unfinished line: EC\xff',
    ]);
  });

  test('takes \\r\\n for the end of a line, and no less, when that link is replaced', () => {
    expect(talk(crlfCommands, 'ECHO one\nline\r\nECHO two\r\n').sent).toBe('one\nline\r\ntwo\r\n');
  });

  test('takes any layers that fit on each other', () => {
    class Reversed extends Layer<string, string> {
      received(text: string): void {
        this.above.received([...text].reverse().join(''));
      }
      send(text: string): void {
        this.below.send([...text].reverse().join(''));
      }
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
