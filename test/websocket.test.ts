// WebSocket, without a socket: the examples of RFC 6455, and a table of cases after the list of the Autobahn test suite.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chain } from '../src/protocol/chain.ts';
import { CommandProtocol } from '../src/protocol/commands.ts';
import { EchoProtocol } from '../src/protocol/echo.ts';
import { page } from '../src/protocol/page.ts';
import { TextProtocol } from '../src/protocol/text.ts';
import { WebSocketProtocol } from '../src/protocol/websocket.ts';
import { byteByByte, cuts, FakeTransport, streams, talk } from './fake-transport.ts';

const request = (...fields: string[]) => ['GET / HTTP/1.1', ...fields, '', ''].join('\r\n');
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const asked = ['Host: localhost:12345', 'Upgrade: websocket', 'Connection: Upgrade', KEY];
const VERSION = 'Sec-WebSocket-Version: 13';
const opening = request(...asked, VERSION);
/** Section 1.3. */
const opened = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  '',
  '',
].join('\r\n');

const echoing = (transport: FakeTransport) => chain(transport, new WebSocketProtocol(), new EchoProtocol());

/** A frame as clients send it. @param first its first byte: FIN, three reserved bits, and the opcode */
function frame(first: number, payload: string | Buffer = '', { masked = true, long = false } = {}): Buffer {
  const data = Buffer.from(payload as string);
  const { length } = data;
  const head =
    length > 0xffff || long
      ? [127, 0, 0, 0, 0, length >> 24, length >> 16, length >> 8, length]
      : length > 125
        ? [126, length >> 8, length]
        : [length];
  head[0] = (head[0] as number) | (masked ? 0x80 : 0);
  const mask = masked ? [0x37, 0xfa, 0x21, 0x3d] : [];
  return Buffer.from([first, ...head, ...mask, ...data.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

/** The first byte of each kind of frame. A message is one `text`, or `begin`, `more` and `end`. */
const kinds = { text: 0x81, begin: 0x01, more: 0, end: 0x80, close: 0x88, ping: 0x89, pong: 0x8a };

/** Frames as clients send them, told in words: `begin Hel, ping, end lo, close 1000 bye`, or `0x83` for another first byte. */
function frames(told: string): Buffer[] {
  return told.split(', ').map((words) => {
    const [kind = '', ...rest] = words.split(' ');
    const code = kind === 'close' && rest.length > 0 ? Number(rest.shift()) : undefined;
    const status = code === undefined ? [] : [code >> 8, code & 255];
    const first = kinds[kind as keyof typeof kinds] ?? Number(kind);
    return frame(first, Buffer.concat([Buffer.from(status), Buffer.from(rest.join(' '))]));
  });
}

const names = new Map([
  [0x81, 'text'],
  [0x88, 'close'],
  [0x8a, 'pong'],
]);

/** The frames that a server has sent, in words: `text Hello`, `close 1000`. */
function words(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const [first = 0, short = 0] = rest;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length = size === 2 ? short : size === 4 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    const payload = rest.subarray(size, size + length);
    const said = first === 0x88 && length > 0 ? `${payload.readUInt16BE()}` : `${payload}`;
    found.push(`${names.get(first)} ${said}`.trim());
    rest = rest.subarray(size + length);
  }
  return found;
}

/** The answers to these frames after a handshake, in words, and whether the connection is closed then. */
function answers(said: string | Buffer[], make = echoing): string {
  const sentFrames = typeof said === 'string' ? frames(said) : said;
  const { sent, closed } = talk(make, Buffer.concat([Buffer.from(opening), ...sentFrames]));
  expect(sent.startsWith(opened)).toBe(true);
  const found = words(Buffer.from(sent.slice(opened.length), 'latin1'));
  return (closed ? [...found, 'closed'] : found).join(', ');
}

describe('the handshake', () => {
  const statuses = (stream: string, anyOrigin = false) => {
    const make = (transport: FakeTransport) =>
      chain(transport, new WebSocketProtocol(anyOrigin), new EchoProtocol());
    const { sent, closed } = talk(make, stream);
    const [, status] = /^HTTP\/1\.1 (\d+) (?!undefined)\w+/.exec(sent) ?? [];
    expect(closed).toBe(status !== '101');
    if (closed) expect(sent).toContain('\r\nConnection: close\r\n');
    return Number(status);
  };

  test('is what section 1.3 shows, and takes messages that follow in the same packet', () => {
    expect(talk(echoing, opening)).toEqual({ sent: opened, closed: false, reports: [] });
    expect(answers('text Hello')).toBe('text Hello');
  });

  test('answers a plain GET with a page, which connects back to its own server', () => {
    const { sent, closed } = talk(echoing, request('Host: x'));
    expect(sent).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/html; charset=utf-8\r\n/);
    expect(sent).toMatch(new RegExp(`\r\nContent-Length: ${page.length}\r\n\r\n<!doctype html>`));
    expect(closed).toBe(true);
  });

  for (const [what, stream, expected] of [
    ['an empty line before it', `\r\n${opening}`, 101],
    ['words in any case', opening.replace('Upgrade\r', 'x, UPGRADE\r').replace(': web', ': h2c,Web'), 101],
    ['the page of this server', request(...asked, VERSION, 'Origin: http://LocalHost:12345'), 101],
    ['a page behind a TLS proxy', request(...asked, VERSION, 'Origin: https://localhost:12345'), 101],
    ['a page from elsewhere', request(...asked, VERSION, 'Origin: http://evil.example'), 403],
    ['a page of another port', request(...asked, VERSION, 'Origin: http://localhost'), 403],
    ['a page without an origin', request(...asked, VERSION, 'Origin: null'), 403],
    ['another version', request(...asked, 'Sec-WebSocket-Version: 8'), 426],
    ['no version', request(...asked), 426],
    ['no key', request(...asked.slice(0, 3), VERSION), 400],
    ['a short key', request(...asked.slice(0, 3), VERSION, 'Sec-WebSocket-Key: c2hvcnQ='), 400],
    ['two keys', request(...asked, KEY, VERSION), 400],
    ['no connection', request(...asked.filter((field) => !field.startsWith('Conn')), VERSION), 400],
    ['another upgrade', request(...asked.map((field) => field.replace('websocket', 'h2c')), VERSION), 400],
    ['HTTP/1.0', opening.replace('/1.1', '/1.0'), 400],
    ['no host', opening.replace('Host', 'Ghost'), 400],
    ['nonsense', 'hello\r\n\r\n', 400],
    ['a field that is none', request('Host: x', 'nonsense'), 400],
    ['another path', opening.replace('/ ', '/elsewhere '), 404],
    ['another method', opening.replace('GET', 'POST'), 405],
    ['a head that is too long', request(...asked, VERSION, `X: ${'x'.repeat(17_000)}`), 431],
    ['a head of many fields', request(...asked, KEY, VERSION, ...Array(100).fill('X: y')), 431],
    ['a head that never ends', 'x'.repeat(17_000), 431],
  ] as const) {
    test(`answers ${what} with ${expected}`, () => expect(statuses(stream)).toBe(expected));
  }

  test('accepts a page of any server, with anyOrigin', () =>
    expect(statuses(request(...asked, VERSION, 'Origin: http://elsewhere'), true)).toBe(101));

  test('names the right version, and the right method, when it refuses another', () => {
    expect(talk(echoing, request(...asked)).sent).toContain('\r\nSec-WebSocket-Version: 13\r\n');
    expect(talk(echoing, opening.replace('GET', 'PUT')).sent).toContain('\r\nAllow: GET\r\n');
  });
});

describe('a frame', () => {
  test('is what section 5.7 shows', () => {
    const hello = Buffer.from('818537fa213d7f9f4d5158', 'hex');
    expect(frames('text Hello')).toEqual([hello]);
    const { sent } = talk(echoing, Buffer.concat([Buffer.from(opening), hello]));
    expect(sent.slice(opened.length)).toBe('\x81\x05Hello');
    expect(answers('begin Hel, end lo')).toBe('text Hello');
    expect(answers('ping Hello')).toBe('pong Hello');
    expect(answers([Buffer.from('8a8537fa213d7f9f4d5158', 'hex')])).toBe('');
  });

  const most = 64 * 1024;
  const x = (length: number) => 'x'.repeat(length);
  const tooLong = `text ERROR message longer than ${most} bytes, close 1009, closed`;
  const κόσμε = Buffer.from('κόσμε');
  type Case = [what: string, said: string | Buffer[], answered: string];
  const cases: Record<string, Case[]> = {
    '1 framing': [
      ...[0, 125, 126, 127, 128, 65_535, most].map((length): Case => {
        const text = `text ${x(length)}`.trim();
        return [`text of ${length} bytes`, text, text];
      }),
      ['a length in more bytes than it needs', [frame(0x81, 'x', { long: true })], 'text x'],
      ['one message after the other', 'text a, text b, text c', 'text a, text b, text c'],
      ['no mask', [frame(0x81, 'x', { masked: false }), frame(0x81, 'y')], 'close 1002, closed'],
      ['binary', '0x82 x', 'close 1003, closed'],
    ],
    '2 pings and pongs': [
      ['a ping', 'ping', 'pong'],
      ['a ping of 125 bytes', `ping ${x(125)}`, `pong ${x(125)}`],
      ['a ping of 126 bytes', `ping ${x(126)}`, 'close 1002, closed'],
      ['three pings', 'ping 1, ping 2, ping 3', 'pong 1, pong 2, pong 3'],
      ['a pong that was not asked for, and a ping', 'pong x, ping y', 'pong y'],
    ],
    '3 reserved bits': ['0xc1', '0xa1', '0x91', '0xf1', '0xc9', '0xb8'].map((first) => [
      `first byte ${first}`,
      `text ok, ${first}, text late`,
      'text ok, close 1002, closed',
    ]),
    '4 opcodes': [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [
      `opcode ${opcode}`,
      `text ok, ${0x80 | opcode}, ping`,
      'text ok, close 1002, closed',
    ]),
    '5 fragments': [
      ['a ping in two', '0x09 x, end', 'close 1002, closed'],
      ['a pong in two', '0x0a x, end', 'close 1002, closed'],
      ['text in two', 'begin a, end b', 'text ab'],
      ['text in three, empty ones among them', 'begin, more ab, end', 'text ab'],
      ['a ping in between', 'begin a, ping x, end b', 'pong x, text ab'],
      ['a close in between', 'begin a, close 1000', 'close 1000, closed'],
      ['an end without a beginning', 'end x, text y', 'close 1002, closed'],
      ['a middle without a beginning', 'more x', 'close 1002, closed'],
      ['an end after an end', 'begin a, end b, end c', 'text ab, close 1002, closed'],
      ['text within text', 'begin a, text b', 'close 1002, closed'],
      ['two messages in fragments', 'begin a, end b, begin c, end d', 'text ab, text cd'],
    ],
    '6 UTF-8': [
      ['half a character', [frame(0x01, κόσμε.subarray(0, 3)), frame(0x80, κόσμε.subarray(3))], 'text κόσμε'],
      [
        'each byte a fragment',
        [frame(0x01), ...Array.from(κόσμε, (byte) => frame(0, Buffer.of(byte))), frame(0x80)],
        'text κόσμε',
      ],
      ['the last of all characters', 'text \u{10ffff}', 'text \u{10ffff}'],
      ...['ff', 'c0af', 'eda080', 'f4908080', 'cebae1bd', '80'].map(
        (hex): Case => [
          `bytes ${hex}`,
          [frame(0x81, 'ok'), frame(0x81, Buffer.from(hex, 'hex'))],
          'text ok, close 1007, closed',
        ],
      ),
      [
        'half a character in the last fragment',
        [frame(0x01, 'a'), frame(0x80, κόσμε.subarray(0, 1))],
        'close 1007, closed',
      ],
    ],
    '7 closing': [
      ['a close without a code', 'close', 'close, closed'],
      ['a code and a reason', 'close 1001 bye', 'close 1001, closed'],
      ['a reason of 123 bytes', `close 1000 ${x(123)}`, 'close 1000, closed'],
      ['a reason of 124 bytes', `close 1000 ${x(124)}`, 'close 1002, closed'],
      ['a reason that is not UTF-8', [frame(0x88, Buffer.of(3, 232, 255))], 'close 1007, closed'],
      ['half a code', [frame(0x88, 'x')], 'close 1002, closed'],
      ['a close, and text after it', 'close 1000, text x, ping', 'close 1000, closed'],
      ['two closes', 'close 1000, close 1000', 'close 1000, closed'],
      ...[1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999].map(
        (code): Case => [`code ${code}`, `close ${code}`, `close ${code}, closed`],
      ),
      ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
        (code): Case => [`code ${code}`, `close ${code}`, 'close 1002, closed'],
      ),
    ],
    '9 limits': [
      ['a byte too much', `text ${x(most + 1)}`, tooLong],
      ['a length that lies', [Buffer.from('81ffffffffffffffffff', 'hex')], tooLong],
      ['a byte too much in fragments', `begin ${x(most)}, end x`, tooLong],
      [
        'as much as there may be in fragments',
        `begin ${x(most)}, ping y, end, begin ${x(most)}, close 1000`,
        `pong y, text ${x(most)}, close 1000, closed`,
      ],
    ],
  };
  const shortened = (told: string) => told.replace(/x{100,}/g, (run) => `${run.length} times x`);
  for (const [title, table] of Object.entries(cases)) {
    describe(title, () => {
      for (const [what, said, answered] of table)
        test(what, () => expect(shortened(answers(said))).toBe(shortened(answered)));
    });
  }

  test('that is wrong is reported, with its bytes', () => {
    const reports = (...frames: Buffer[]) =>
      talk(echoing, Buffer.concat([Buffer.from(opening), ...frames])).reports;
    expect(reports(frame(0x81, 'x', { masked: false }))).toEqual(['a frame without a mask: \x81\x01']);
    expect(reports(frame(0x81, Buffer.of(0xff)))).toEqual(['a message that is not UTF-8: \xff']);
    expect(reports(frame(0x81, 'x').subarray(0, 3))).toEqual(['an unfinished message: \x81\x817']);
    expect(reports(frame(0x81, x(most + 1)))).toEqual([
      'a message that is too long: \x81\xff\0\0\0\0\0\x01\0\x01',
    ]);
    expect(reports(frame(0x01, 'x'))).toEqual(['an unfinished message: ']);
    expect(talk(echoing, 'GET /').reports).toEqual(['an unfinished request: GET /']);
    expect(reports(...frames('close 1000'))).toEqual([]);
    const { sent } = talk(echoing, Buffer.concat([Buffer.from(opening), frame(0xc1)]));
    expect(sent.slice(opened.length)).toBe('\x88\x1d\x03\xeaa frame with a reserved bit');
  });
});

test('the protocol above is opened by the handshake, and ended once', () => {
  const heard: string[] = [];
  class Witness extends EchoProtocol {
    override opened = () => void heard.push('opened');
    override ended = () => void heard.push('ended');
  }
  const transport = new FakeTransport();
  const protocol = chain(transport, new WebSocketProtocol(), new Witness());
  protocol.opened();
  protocol.received(Buffer.from(opening.slice(0, -1)));
  expect(heard).toEqual([]);
  protocol.received(Buffer.from('\n'));
  expect(heard).toEqual(['opened']);
  protocol.ended();
  expect(heard).toEqual(['opened', 'ended']);
});

test('a close is the end: bytes behind it are ignored, and not reported', () => {
  const half = frame(0x01, 'x').subarray(0, 3);
  for (const goodbye of [
    Buffer.from(request('Host: x')),
    Buffer.concat([Buffer.from(opening), ...frames('close 1000'), half]),
  ]) {
    const transport = new FakeTransport();
    const protocol = echoing(transport);
    for (const piece of [goodbye, Buffer.from(opening), ...frames('text x'), half]) protocol.received(piece);
    protocol.ended();
    expect(transport).toMatchObject({ closed: true, reports: [] });
  }
});

test('no message goes up after the protocol above has closed', () => {
  const heard: string[] = [];
  class Once extends EchoProtocol {
    override received(message: Buffer): void {
      heard.push(`${message}`);
      this.close();
    }
  }
  const make = (transport: FakeTransport) => chain(transport, new WebSocketProtocol(), new Once());
  expect(answers('text a, text b, close 1000', make)).toBe('close 1000, closed');
  expect(heard).toEqual(['a']);
});

describe('the commands, by messages', () => {
  const make = (transport: FakeTransport) =>
    chain(transport, new WebSocketProtocol(), new TextProtocol(), new CommandProtocol());

  test('answer QUIT with BYE and a close frame, and close when the client has sent one, too', () => {
    const goodbye = 'text é, text BYE, close 1000';
    expect(answers('text ECHO é, text QUIT', make)).toBe(goodbye);
    // The client may send more before it receives the close frame.
    const late = 'text ECHO é, text QUIT, begin HE, ping, end LP, text HELP';
    expect(answers(late, make)).toBe(goodbye);
    expect(answers(`${late}, close 1000`, make)).toBe(`${goodbye}, closed`);
    expect(answers(`${late}, 0x83`, make)).toBe(`${goodbye}, closed`);
  });

  test('give the same answers to any stream, however it is cut', () => {
    const some = [
      ...frames(
        `text ECHO ${'x'.repeat(200)}, text HELP, text ECHO é, text, begin EC, more HO , end x, ping y, pong`,
      ),
      frame(0x81, 'HELP', { long: true }),
    ];
    const rare = [...frames('text QUIT, close 1000, 0x82, 0xc1'), frame(0x81, 'x', { masked: false })];
    const word = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...some) },
      fc.constantFrom(...rare),
      streams,
    );
    const conversations = fc
      .array(word, { maxLength: 20 })
      .map((pieces) => Buffer.concat([Buffer.from(opening), ...pieces]));
    fc.assert(
      fc.property(conversations, cuts, (stream, at) => {
        const whole = talk(make, stream);
        for (const places of [at, byteByByte(stream)]) expect(talk(make, stream, places)).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });
});
