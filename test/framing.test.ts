// Framings find the end of each message. Each gives the same answers, however the stream is cut, and reports what has no end.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Layer } from '../src/protocol/chain.ts';
import { chain } from '../src/protocol/chain.ts';
import { EchoProtocol } from '../src/protocol/echo.ts';
import { FixedSizeProtocol } from '../src/protocol/fixed-size.ts';
import { JsonProtocol } from '../src/protocol/json.ts';
import { JsonSplitter } from '../src/protocol/json-splitter.ts';
import { LengthPrefixProtocol } from '../src/protocol/length-prefix.ts';
import { buildChain, framedProtocols, framingNames } from '../src/protocol/protocols.ts';
import { byteByByte, cut, cuts, type FakeTransport, streams, talk } from './fake-transport.ts';

const add = (a: number, b: number) => `{"jsonrpc":"2.0","id":1,"method":"add","params":[${a},${b}]}`;
const sum = (c: number) => `{"jsonrpc":"2.0","result":${c},"id":1}`;
const size = (length: number) => Buffer.from([length >> 24, length >> 16, length >> 8, length]);

/** Each protocol, with messages and the answers to them. */
const conversations: Record<string, { says: string[]; hears: string[]; closes?: boolean }> = {
  echo: { says: ['one', 'zwölf', '"', 'a b'], hears: ['one', 'zwölf', '"', 'a b'] },
  commands: {
    says: ['ECHO one', 'help', 'ECHO {"', 'constructor', 'QUIT', 'ECHO two'],
    hears: ['one', 'ECHO TIME HELP QUIT', '{"', 'ERROR unknown command: constructor', 'BYE'],
    closes: true,
  },
  'json-rpc': {
    says: [add(2, 3), 'nonsense', '{"jsonrpc":"2.0","method":"echo","params":["}"]}', `[${add(1, 1)}]`],
    hears: [
      sum(5),
      '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}',
      `[${sum(2)}]`,
    ],
  },
};

/** Each framing: the bytes of a message of a protocol. In JSON, text is a string. */
const framings: Record<string, (message: string, protocol: string) => Buffer> = {
  lines: (message) => Buffer.from(`${message}\n`),
  fixed: (message) => Buffer.from(message + ' '.repeat(80 - Buffer.byteLength(message))),
  length: (message) => Buffer.concat([size(Buffer.byteLength(message)), Buffer.from(message)]),
  json: (message, protocol) =>
    Buffer.from(`${protocol === 'json-rpc' ? message : JSON.stringify(message)}\n`),
};

test('the table has all framings, and all protocols that take them', () => {
  expect(Object.keys(framings)).toEqual(framingNames);
  expect(Object.keys(conversations)).toEqual(framedProtocols);
  expect(() => speak('echo', 'smoke')).toThrow('Cannot frame by "smoke": no such framing');
});

const speak = (protocol: string, framing: string, stream: Buffer = Buffer.alloc(0), at: number[] = []) =>
  talk(
    (transport) => buildChain({ protocol, framing, 'max-questions': 0, 'any-origin': false }, transport),
    stream,
    at,
  );

describe.each(Object.entries(framings))('--framing %s', (framing, frame) => {
  for (const [protocol, { says, hears, closes = false }] of Object.entries(conversations)) {
    test(`gives the same answers to ${protocol} as any other, however the stream is cut`, () => {
      const stream = Buffer.concat(says.map((message) => frame(message, protocol)));
      const sent = Buffer.concat(hears.map((message) => frame(message, protocol))).toString('latin1');
      fc.assert(
        fc.property(cuts, (at) => {
          for (const places of [at, byteByByte(stream)])
            expect(speak(protocol, framing, stream, places)).toEqual({ sent, reports: [], closed: closes });
        }),
      );
    });

    if (framing === 'lines') continue; // protocols.test.ts has lines.

    test(`throws at no stream in front of ${protocol}, however it is cut`, () => {
      const word = fc.constantFrom(...says.map((message) => frame(message, protocol)), size(3), size(70_000));
      const noise = fc
        .array(fc.oneof(word, streams), { maxLength: 10 })
        .map((pieces) => Buffer.concat(pieces));
      fc.assert(
        fc.property(noise, cuts, (stream, at) => {
          const whole = speak(protocol, framing, stream);
          for (const places of [at, byteByByte(stream)])
            expect(speak(protocol, framing, stream, places)).toEqual(whole);
        }),
      );
    });
  }
});

/** The echo of a stream. */
const echo = (framing: Layer<Buffer, Buffer>, stream: Buffer | string, at?: number[]) =>
  talk((transport: FakeTransport) => chain(transport, framing, new EchoProtocol()), stream, at);

describe('FixedSizeProtocol', () => {
  test('passes up messages of a fixed size, without the spaces that fill them up', () =>
    expect(echo(new FixedSizeProtocol(4), ' a b\n\n\n\nab      ').sent).toBe(' a b\n\n\n\nab      '));

  test('reports a message without its end', () =>
    expect(echo(new FixedSizeProtocol(4), 'one twofo').reports).toEqual(['an unfinished message: o']));

  test('sends the beginning of an answer that is too long, and reports the rest', () => {
    const framing = new FixedSizeProtocol(4);
    const transport = echo(framing, '');
    framing.send(Buffer.from('twelve'));
    expect(transport).toMatchObject({ sent: 'twel', reports: ['the rest of a long message: ve'] });
  });
});

describe('LengthPrefixProtocol', () => {
  const most = Buffer.alloc(64 * 1024, 'x');

  test('takes a message without bytes, and a message of 64 KB', () => {
    const stream = Buffer.concat([size(0), size(most.length), most, size(1), Buffer.from('\n')]);
    expect(echo(new LengthPrefixProtocol(), stream).sent).toBe(stream.toString('latin1'));
  });

  test('closes at a length that is too large, before it keeps a byte: HELP is a length of a gigabyte', () => {
    expect(echo(new LengthPrefixProtocol(), 'HELP\n')).toEqual({
      sent: '\0\0\0\x25ERROR message longer than 65536 bytes',
      reports: ['a message of 1212501072 bytes: HELP'],
      closed: true,
    });
    expect(echo(new LengthPrefixProtocol(), size(most.length + 1)).closed).toBe(true);
  });

  for (const stream of ['\0\0', '\0\0\0\x04one']) {
    test(`reports ${JSON.stringify(stream)}, which has no end`, () =>
      expect(echo(new LengthPrefixProtocol(), stream).reports).toEqual([`an unfinished message: ${stream}`]));
  }
});

describe('JsonProtocol', () => {
  const values = (stream: string, at: number[] = []) => {
    const splitter = new JsonSplitter();
    const found: string[] = [];
    for (const piece of cut(Buffer.from(stream), at)) found.push(...splitter.push(piece).map(String));
    return found;
  };

  test('finds all values, with white space between them or without, however they are cut', () => {
    const spaces = fc.constantFrom('', ' ', '\n', '\r\n\t', '\x1e'); // The last as in RFC 7464.
    const stream = fc.array(fc.tuple(fc.json(), spaces), { maxLength: 10 });
    fc.assert(
      fc.property(stream, cuts, (parts, at) => {
        // Without a space between them, two words are one.
        const text = parts
          .map(([json, space]) => (/^["[{]/.test(json) ? json + space : ` ${json} `))
          .join('');
        const expected = parts.map(([json]) => JSON.parse(json));
        for (const places of [at, byteByByte(Buffer.from(text))])
          expect(values(text, places).map((value) => JSON.parse(value))).toEqual(expected);
      }),
    );
  });

  for (const [stream, ...expected] of [
    ['{"a":"}"}[1,[2]]"x\\"y"true', '{"a":"}"}', '[1,[2]]', '"x\\"y"'],
    ['1{}2[]3"x"4 ', '1', '{}', '2', '[]', '3', '"x"', '4'],
    ['"\\\\"1 ', '"\\\\"', '1'],
    ['{"a": [1,\n 2]}', '{"a": [1,\n 2]}'],
    ['}]{} {]', '}]', '{}', '{]'], // The protocol above refuses what is no JSON.
  ] as const) {
    test(`finds the values of ${JSON.stringify(stream)}`, () => expect(values(stream)).toEqual(expected));
  }

  test('ends a number where the stream ends', () =>
    expect(echo(new JsonProtocol(), '1 2')).toEqual({ sent: '1\n2\n', reports: [], closed: false }));

  for (const stream of ['{"a":', '"x', '[[]']) {
    test(`reports ${stream}, which has no end`, () =>
      expect(echo(new JsonProtocol(), stream).reports).toEqual([`an unfinished value: ${stream}`]));
  }

  test('closes at a value that never ends, and at a value longer than 64 KB', () => {
    const most = `"${'x'.repeat(64 * 1024 - 2)}"`;
    expect(echo(new JsonProtocol(), most).sent).toBe(`${most}\n`);
    for (const stream of ['['.repeat(70_000), '1'.repeat(70_000), `"x${most.slice(1)}`]) {
      for (const at of [[], [0.5, 0.99]]) {
        const sent = 'ERROR message longer than 65536 bytes\n';
        const reports = [`a value of more than 65536 bytes: ${stream.slice(0, 64 * 1024)}`];
        expect(echo(new JsonProtocol(), `${stream}"then"`, at)).toEqual({ sent, reports, closed: true });
      }
    }
  });

  test('takes a string for its text, and any other value for its JSON', () => {
    const { sent } = speak('commands', 'json', Buffer.from('"ECHO é\\n\\""HELP {"a":1} "ECHO \\q"'));
    expect(Buffer.from(sent, 'latin1').toString().split('\n')).toEqual([
      '"é\\n\\""',
      '"ECHO TIME HELP QUIT"',
      '"ERROR unknown command: {\\"a\\":1}"',
      '"ERROR unknown command: \\"ECHO"',
      '',
    ]);
  });
});
