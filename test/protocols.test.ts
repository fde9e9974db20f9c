// The answers of each protocol, on a fake transport, without a socket. No protocol throws at any stream.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { chain } from '../src/protocol/chain.ts';
import { EchoProtocol } from '../src/protocol/echo.ts';
import { GrowingBuffer } from '../src/protocol/growing-buffer.ts';
import { CrlfLineProtocol, LineProtocol } from '../src/protocol/lines.ts';
import { buildChain, type ProtocolOptions, protocolNames } from '../src/protocol/protocols.ts';
import { QuestionProtocol } from '../src/protocol/questions.ts';

import { byteByByte, cuts, FakeTransport, streams, talk } from './fake-transport.ts';

const speak =
  (protocol: string, options: Partial<ProtocolOptions> = {}) =>
  (transport: FakeTransport) =>
    buildChain(
      { protocol, framing: 'lines', 'max-questions': 0, 'any-origin': false, ...options },
      transport,
    );

const converse = (protocol: string, stream: Buffer | string) => talk(speak(protocol), stream);

const answers = (protocol: string, stream: string) => converse(protocol, stream).sent;

const NOW = new Date('2026-01-02T03:04:05.678Z');

// Clocks and dice give the same each time, so that answers can be compared.
beforeAll(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.3);
});
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a chain', () => {
  /** Words of each protocol, with | between them: streams of words get further than random bytes. */
  const words: Record<string, string[]> = {
    echo: ['one|\n|\r\n'],
    commands: ['ECHO |time|HELP|QUIT|constructor| |\n|\r\n'],
    zen: ['Beautiful is better than|Simple is better than?|?|\n| '],
    oracle: ['Will I be happy tomorrow?|?|\n|Is there| '],
    'json-rpc': [
      '{"jsonrpc":"2.0","id":1,"method":"add","params":[2,3]}|{"jsonrpc":"2.0","id":null,"method":"|"}',
      '{"jsonrpc":"2.0","method":"echo","params":{"value":"é"}}|params|__proto__|[|]|{|}|,|1e999|\n|\r\n',
    ],
    http: [
      'POST / HTTP/1.1\r\nHost: x\r\n|POST / HTTP/1.0\r\n|GET /x HTTP/1.1\r\nHost: x\r\n\r\n',
      'HEAD http://x/ HTTP/1.1\r\nHost: x\r\n\r\n|Content-Length: 5\r\n\r\n[1,2]|Content-Length: 0\r\n',
      'Content-Length: 9999999\r\n\r\n|Transfer-Encoding: chunked\r\n\r\n|5;x=y\r\n[1,2]\r\n|0\r\n\r\n',
      'fffffffff\r\n|Expect: 100-continue\r\n|Connection: close\r\n|X: y\r\n| folded\r\n|\r\n|\n',
    ],
    finger: ['ada|/W| |@host|\r\n|\n|\x1b[2J'],
    // websocket.test.ts has frames.
    websocket: [
      'GET / HTTP/1.1\r\n|Host: x\r\n|Upgrade: websocket\r\n|Connection: Upgrade\r\n|\r\n|\x88|\x80',
    ],
  };

  for (const name of protocolNames) {
    test(`of ${name} throws at no stream, and answers it the same however it is cut`, () => {
      const word = fc.constantFrom(...(words[name] ?? []).flatMap((some) => some.split('|')));
      const conversations = fc
        .array(fc.oneof({ weight: 5, arbitrary: word.map((text) => Buffer.from(text)) }, streams), {
          maxLength: 20,
        })
        .map((pieces) => Buffer.concat(pieces));
      fc.assert(
        fc.property(conversations, cuts, (stream, at) => {
          const whole = converse(name, stream);
          for (const places of [at, byteByByte(stream)])
            expect(talk(speak(name), stream, places)).toEqual(whole);
        }),
        { numRuns: 300 },
      );
    });
  }

  test('of an unknown protocol throws', () =>
    expect(() => answers('gopher', '')).toThrow('Cannot speak "gopher": no such protocol'));

  for (const [name, what, goodbye] of [
    ['commands', 'its close', 'QUIT\n'],
    ['http', 'its close', 'POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\nPOST / HT'],
    ['http', 'a head that it refuses', 'POST / HTTP/1.1\r\nHost : x\r\n'],
  ] as const) {
    test(`of ${name} does not report bytes behind ${what}, though its transport may still deliver them`, () => {
      const transport = new FakeTransport();
      const protocol = speak(name)(transport);
      for (const piece of [goodbye, 'half']) protocol.received(Buffer.from(piece));
      protocol.ended();
      expect(transport).toMatchObject({ closed: true, reports: [] });
    });
  }
});

describe('a message without end', () => {
  const LIMIT = 2 ** 20;
  const RPC_ERROR = `{"code":-32000,"message":"Request longer than ${LIMIT} bytes"}`;
  for (const [name, end, answer] of [
    ['echo', '\n', `ERROR message longer than ${LIMIT} bytes\n`],
    ['commands', '\n', `ERROR message longer than ${LIMIT} bytes\n`],
    ['zen', '?', `Error: question longer than ${LIMIT} bytes.`],
    ['oracle', '?', `Error: question longer than ${LIMIT} bytes.`],
    ['json-rpc', '\n', `{"jsonrpc":"2.0","error":${RPC_ERROR},"id":null}\n`],
    ['finger', '\r\n', `finger: question longer than ${LIMIT} bytes.\r\n`],
  ] as const) {
    const report = `a message of more than ${LIMIT} bytes: ${'x'.repeat(LIMIT)}`;
    for (const [title, rest] of [
      ['whether its end is there', `${end}more${end}`],
      ['or not', 'x'.repeat(end.length - 1)],
    ]) {
      test(`is answered by ${name} with an error, and the connection closes, ${title}`, () => {
        const stream = `${'x'.repeat(LIMIT + 1)}${rest}`;
        for (const at of [[], [0.3, 0.5], [LIMIT / stream.length]]) {
          const { sent, reports, closed } = talk(speak(name), stream, at);
          expect([sent, closed]).toEqual([answer, true]);
          expect(reports.length === 1 && reports[0] === report).toBe(true);
        }
      });
    }

    test(`is not seen by ${name} in one that is as long as the limit, even when half of its end has arrived`, () => {
      const stream = `${'x'.repeat(LIMIT)}${end}`;
      const { sent, reports } = talk(speak(name), stream, [(stream.length - 1) / stream.length]);
      expect([sent === answer, reports]).toEqual([false, []]);
    });
  }

  test('is refused at the limit of its protocol', () => {
    for (const lines of [new LineProtocol(3), new CrlfLineProtocol(3), new QuestionProtocol(3)]) {
      const { reports } = talk((transport) => chain(transport, lines, new EchoProtocol()), 'four\r\n?');
      expect(reports).toEqual(['a message of more than 3 bytes: fou']);
    }
  });

  test('takes no more memory once it is refused', () => {
    const protocol = speak('echo')(new FakeTransport());
    const append = vi.spyOn(GrowingBuffer.prototype, 'append');
    for (let i = 0; i < 100; i++) protocol.received(Buffer.alloc(100_000, 'x'));
    expect(append).toHaveBeenCalledTimes(11);
    append.mockRestore();
  });
});

describe('the protocol', () => {
  const zen = 'Beautiful is better than?Explicit is better than?Simple is better than?What is this?';
  for (const [protocol, what, stream, expected] of [
    ['echo', 'sends each line back, with its \\r if it has one', 'a\nb\r\n\n', { sent: 'a\nb\r\n\n' }],
    ['commands', 'answers each line', 'ECHO a\nECHO b\r\n\nHELP\n', { sent: 'a\nb\nECHO TIME HELP QUIT\n' }],
    ['commands', 'tells the time as ISO 8601', 'TIME\n', { sent: '2026-01-02T03:04:05.678Z\n' }],
    ['commands', 'closes at QUIT', 'ECHO a\nQUIT\nECHO b\nunf', { sent: 'a\nBYE\n', closed: true }],
    ['commands', 'reports half a line', 'HELP\nEC\xff', { reports: ['an unfinished line: EC\xff'] }],
    ['zen', 'answers three questions', zen, { sent: 'Ugly.Implicit.Complex.Error: unknown aphorism.' }],
    ['zen', 'ignores line breaks between questions', '\nSimple is better than?\n', { sent: 'Complex.' }],
    ['zen', 'reports half a question', '?But', { reports: ['an unfinished question: But'] }],
    ['oracle', 'answers any number of questions', 'a?'.repeat(100), { sent: 'a? Very likely.'.repeat(100) }],
    ['finger', 'does not take \\n for an end', 'ada\n', { sent: '', reports: ['an unfinished line: ada\n'] }],
  ] as [string, string, string, Partial<FakeTransport>][]) {
    test(`${protocol} ${what}`, () => {
      const silent = expected.reports ? {} : { reports: [], closed: false };
      const seen = converse(protocol, Buffer.from(stream, 'latin1'));
      expect(seen).toMatchObject({ ...silent, ...expected });
    });
  }

  test('oracle answers with the question and one of five replies', () => {
    const seen = [0, 0.2, 0.4, 0.6, 0.99].map((dice) => {
      vi.mocked(Math.random).mockReturnValueOnce(dice);
      return answers('oracle', 'Will I be happy tomorrow?');
    });
    const replies = ['Yes.', 'Very likely.', 'Maybe.', 'Not likely.', 'No.'];
    expect(seen).toEqual(replies.map((reply) => `Will I be happy tomorrow? ${reply}`));
  });

  test('oracle answers as many questions as --max-questions says, and closes', () => {
    const { sent, closed } = talk(speak('oracle', { 'max-questions': 2 }), ' a ?b?c?d?');
    expect([sent, closed]).toEqual(['a? Very likely.b? Very likely.', true]);
  });
});

describe('finger', () => {
  const GRACE = 'Login: grace                    Name: Grace Hopper\r\n';
  const MORE = `${GRACE}Office: Arlington\r\nPlan:\r\nTo find the moth.\r\nTo show a nanosecond.\r\n`;
  const more = (login: string, name: string, office: string, plan: string) =>
    `Login: ${login.padEnd(24)} Name: ${name}\r\nOffice: ${office}\r\nPlan:\r\n${plan}\r\n`;
  const ADA = more('ada', 'Ada Lovelace', 'London', 'To weave algebraical patterns.');
  const ALAN = more('alan', 'Alan Turing', 'Manchester', 'To see whether it ever ends.');
  for (const [question, answer] of [
    ['', 'Login    Name\r\nada      Ada Lovelace\r\nalan     Alan Turing\r\ngrace    Grace Hopper\r\n'],
    ['grace', GRACE],
    ['/W grace', MORE],
    ['/w GRACE', MORE],
    ['/W', `${ADA}\r\n${ALAN}\r\n${MORE}`],
    ['a/W grace', 'finger: a/W grace: no such user.\r\n'],
    [' grace ', GRACE],
    ['no\nbody', 'finger: no?body: no such user.\r\n'],
    ['constructor', 'finger: constructor: no such user.\r\n'],
    ['\x1b[2Jé', 'finger: ?[2J?: no such user.\r\n'],
    ['ada@elsewhere', 'Finger forwarding service denied.\r\n'],
    ['@elsewhere', 'Finger forwarding service denied.\r\n'],
  ] as const) {
    test(`answers ${JSON.stringify(question)}, and closes`, () =>
      expect(converse('finger', `${question}\r\nada\r\n`)).toMatchObject({ sent: answer, closed: true }));
  }
});

describe('json-rpc', () => {
  const failure = (code: number, message: string, id: unknown = null) =>
    `{"jsonrpc":"2.0","error":{"code":${code},"message":"${message}"},"id":${JSON.stringify(id)}}`;
  const parseError = failure(-32700, 'Parse error');
  const invalid = failure(-32600, 'Invalid Request');
  const unknown = failure(-32601, 'Method not found', 1);
  const wrong = failure(-32602, 'Invalid params', 1);
  const result = (value: unknown, id: unknown = 1) => JSON.stringify({ jsonrpc: '2.0', result: value, id });
  const call = (method: string, params?: unknown, id: unknown = 1) =>
    JSON.stringify({ jsonrpc: '2.0', method, params, id });
  const notify = (method: unknown, params?: unknown) => JSON.stringify({ jsonrpc: '2.0', method, params });

  for (const [title, request, response] of [
    ['adds by position', call('add', [2, 3]), result(5)],
    ['adds by name', call('add', { b: 2, a: 0.5 }), result(2.5)],
    ['tells the time', call('time'), result(NOW.toISOString())],
    ['tells the time, asked with no parameters', call('time', []), result(NOW.toISOString())],
    ['echoes anything', call('echo', [{ a: [null, 'é'] }]), result({ a: [null, 'é'] })],
    ['gives back the id, if it is a text', call('add', [1, 1], 'x'), result(2, 'x')],
    ['gives back the id, if it is null', call('add', [1, 1], null), result(2, null)],
    ['does not mind \\r at the end', `${call('add', [2, 3])}\r`, result(5)],
    ['cannot read what is no JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar"]', parseError],
    ['cannot read an empty line', '', parseError],
    ['cannot read half a batch', `[${call('add', [1, 2])},{"jsonrpc":"2.0","method"]`, parseError],
    ['wants a request', '1', invalid],
    ['wants a request, not null', 'null', invalid],
    ['wants a method that is a text', notify(1), invalid],
    ['wants parameters in an array or an object', call('echo', 'x'), invalid],
    ['wants no parameters that are null', notify('echo', null), invalid],
    ['wants version 2.0', '{"method":"add","params":[1,2],"id":1}', invalid],
    ['wants an id that can be sent back', call('time', [], 1).replace('"id":1', '"id":1e400'), invalid],
    ['wants an id that may be one', call('time', [], {}), invalid],
    ['knows its methods', call('foobar', [1]), unknown],
    ['knows no others', call('constructor', [1]), unknown],
    ['wants all parameters', call('add', [1]), wrong],
    ['wants no more parameters', call('add', [1, 2, 3]), wrong],
    ['wants their names', call('add', { a: 1, c: 2 }), wrong],
    ['wants names that are their own', call('add', { a: 1, __proto__: { b: 2 } }), wrong],
    ['wants numbers', call('add', [1, '2']), wrong],
    ['has no name for what is too large', call('add', [1.7e308, 1.7e308]), wrong],
    ['wants none where there are none', call('time', [1]), wrong],
    ['answers no notification', notify('echo', ['x']), ''],
    ['answers no notification that is wrong', notify('foobar'), ''],
    ['wants something in a batch', '[]', invalid],
    ['answers each of a batch', '[1,2]', `[${invalid},${invalid}]`],
    [
      'answers in a batch what is to be answered',
      `[${call('add', [1, 2], 'a')},${notify('time')},{"foo":"boo"},${call('no', [])}]`,
      `[${result(3, 'a')},${invalid},${unknown}]`,
    ],
    ['answers a batch of a thousand', `[1${',1'.repeat(999)}]`, `[${Array(1000).fill(invalid)}]`],
    // Its answer may be forty times as long as itself.
    ['takes no longer batch', `[1${',1'.repeat(1000)}]`, failure(-32000, 'Batch of more than 1000 requests')],
    ['answers no batch of notifications', `[${notify('time')},${notify('no')}]`, ''],
  ] as const) {
    test(title, () => {
      const line = response && `${response}\n`;
      expect(answers('json-rpc', `${request}\n`)).toBe(Buffer.from(line).toString('latin1'));
    });
  }

  test('answers an error when a value is nested too deeply to be sent back', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const answer = answers('json-rpc', `{"jsonrpc":"2.0","method":"echo","id":1,"params":[${deep}]}\n`);
    // It depends on the version of Node.
    const either = [failure(-32603, 'Internal error', 1), `{"jsonrpc":"2.0","result":${deep},"id":1}`];
    expect(either.some((one) => answer === `${one}\n`)).toBe(true);
  });
});

describe('http', () => {
  const ADD = '{"jsonrpc":"2.0","id":1,"method":"add","params":[2,3]}';
  const SUM = '{"jsonrpc":"2.0","result":5,"id":1}';
  const DATE = 'Date: Fri, 02 Jan 2026 03:04:05 GMT';
  const CRLF = '\r\n';
  const POST = 'POST / HTTP/1.1\r\nHost: x';
  const post = (body: string, ...fields: string[]) =>
    [POST, ...fields, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join(CRLF);
  const chunked = (...rest: string[]) => [POST, 'Transfer-Encoding: chunked', '', ...rest].join(CRLF);
  const JSON_OF = 'Content-Type: application/json\r\nContent-Length';
  const ok = (body = SUM, ...more: string[]) =>
    ['HTTP/1.1 200 OK', DATE, `${JSON_OF}: ${body.length}`, ...more, '', body].join(CRLF);
  /** The status lines of all answers, and whether it has closed. */
  const statuses = (stream: string) => {
    const { sent, closed } = converse('http', Buffer.from(stream, 'latin1'));
    const codes = [...sent.matchAll(/HTTP\/1\.1 (\d+) (?!undefined)\w+/g)].map(([, code]) => Number(code));
    return closed ? [...codes, sent.includes('\r\nConnection: close\r\n') && 'closed'] : codes;
  };

  test('answers a body with a body', () =>
    expect(converse('http', post(ADD))).toMatchObject({ sent: ok(), closed: false, reports: [] }));

  test('answers one request after the other on a connection, and all of a pipeline, in order', () => {
    const other = post(ADD.replace('[2,3]', '[20,30]'));
    expect(answers('http', post(ADD) + other + post(ADD))).toBe(ok() + ok(SUM.replace('5', '50')) + ok());
  });

  test('joins chunks, and ignores their extensions', () => {
    const [one, two] = [ADD.slice(0, 16), ADD.slice(16)];
    const body = ['10 ;a=b', one, two.length.toString(16).toUpperCase(), two, '0', 'Trailer: x', '', ''];
    expect(answers('http', chunked(...body) + post(ADD))).toBe(ok() + ok());
  });

  test('answers a notification with 204 No Content', () => {
    const notification = post('{"jsonrpc":"2.0","method":"time"}');
    expect(answers('http', notification)).toBe(`HTTP/1.1 204 No Content\r\n${DATE}\r\n\r\n`);
  });

  test('closes after a request with Connection: close, and ignores what follows', () => {
    const { sent, closed } = converse('http', post(ADD, 'Connection: Keep-Alive, Close') + post(ADD));
    expect([sent, closed]).toEqual([ok(SUM, 'Connection: close'), true]);
  });

  test('keeps a connection of HTTP/1.0 only after Connection: keep-alive', () => {
    const old = (...fields: string[]) => post(ADD, ...fields).replace('1.1\r\nHost: x', '1.0');
    expect(answers('http', old())).toBe(ok(SUM, 'Connection: close'));
    const { sent, closed } = converse('http', old('Connection: keep-alive').repeat(2));
    expect([sent, closed]).toEqual([ok(SUM, 'Connection: keep-alive').repeat(2), false]);
  });

  test('sends 100 Continue to a client that waits for it, or refuses the request before its body', () => {
    const request = post(ADD, 'Expect: 100-continue');
    const head = request.replace(ADD, '');
    const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
    expect(answers('http', head)).toBe(CONTINUE);
    expect(answers('http', request)).toBe(CONTINUE + ok());
    expect(statuses(head.replace('/ ', '/x '))).toEqual([404, 'closed']);
    expect(statuses(head.replace(/Length: \d+/, 'Length: 2000000'))).toEqual([413, 'closed']);
    expect(statuses(head.replace('100-continue', 'miracles'))).toEqual([417, 'closed']);
  });

  test('answers HEAD without a body, and refuses a wrong request behind it', () => {
    expect(answers('http', 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n')).toMatch(
      /^HTTP\/1\.1 405 .*\r\nAllow: POST\r\nContent-Type: text\/plain\r\nContent-Length: \d+\r\n\r\nHTTP\/1\.1 400 .*\r\n\r\n400 Bad Request\n$/s,
    );
  });

  test('reads a body that is too long to its end, and closes: most clients read the answer only then', () => {
    const long = post('x'.repeat(2_000_000));
    const { sent, closed } = converse('http', long.slice(0, 1000));
    expect(sent).toMatch(/^HTTP\/1\.1 413 .*\r\nConnection: close\r\n\r\n413 Content Too Large\n$/s);
    expect(closed).toBe(false);
    for (const stream of [long, long + post(ADD)]) expect(statuses(stream)).toEqual([413, 'closed']);
  });

  for (const [title, stream, ...expected] of [
    ['takes an empty line before a request', `\r\n\r\n${post(ADD)}`, 200],
    ['takes the whole address for a target', post(ADD).replace('/ ', 'http://localhost:12345/?q '), 200],
    ['takes names of fields in any case', post(ADD).replace('Host', 'hOST'), 200],
    ['takes any space around values', post(ADD).replace(/Length: \d+/, 'Length:\t 54 \t'), 200],
    ['reads a hundred fields', post(ADD, ...Array(98).fill('X: y')) + post(ADD), 200, 200],
    ['reads a hundred behind chunks', chunked('0', ...Array(100).fill('X: y'), '', post(ADD)), 200, 200],
    ['keeps a connection that a U+00A0 does not close', post(ADD, 'Connection: close\xa0'), 200],
    [
      'reads extensions of chunks',
      chunked(`3 ; a;b=c ;\td = "e;\\"\xff" `, '[1]', '0;f', 'X: \xff', '', post(ADD)),
      200,
      200,
    ],
    ['finds nothing elsewhere, and goes on', post(ADD).replace('/ ', '/elsewhere ') + post(ADD), 404, 200],
    ['knows no other method, and goes on', `GET / HTTP/1.1\r\nHost: x\r\n\r\n${post(ADD)}`, 405, 200],
    ['reads the body of a method it does not know', post(ADD).replace('POST', 'PUT') + post(ADD), 405, 200],
    ['reads one head after the other, however many', post(ADD).repeat(400), ...Array(400).fill(200)],
    ['reads a body of no bytes', post('') + post(ADD), 200, 200],
    ['reads a body of a mebibyte', post('x'.repeat(2 ** 20)), 200],
    ['reads a chunk of a mebibyte', chunked('100000', 'x'.repeat(2 ** 20), '0', '', ''), 200],
    ['says 100 Continue to no HTTP/1.0', post(ADD, 'Expect: x').replace('/1.1', '/1.0'), 200, 'closed'],
  ] as const) {
    test(title, () => expect(statuses(stream)).toEqual(expected));
  }

  const tooMany: string[] = Array(5000).fill('X: y');
  const refused: Record<number, Record<string, string>> = {
    400: {
      nonsense: 'hello\r\n',
      'a word before the method': post(ADD).replace('POST', 'x POST'),
      'a word behind the version': post(ADD).replace('/1.1', '/1.1x'),
      'two names before a colon': post(ADD, 'X Y: z'),
      'a folded line with a colon': post(ADD, 'X: y', ' z: y'),
      'a word before the size of a chunk': chunked('x3', ''),
      'a word behind the size of a chunk': chunked('3 x', ''),
      'lines without \\r': post(ADD).replaceAll('\r', ''),
      'two spaces': post(ADD).replace(' / ', '  / '),
      'a space before a colon': post(ADD, 'X : y'),
      'a folded line': post(ADD, 'X: y', ' z'),
      'a control character': post(ADD, 'X: \x00'),
      'a control character behind chunks': chunked('0', 'X: \x00', '', ''),
      'nonsense behind chunks': chunked('0', 'nonsense', '', ''),
      'a folded line behind chunks': chunked('0', 'X: y', ' z', '', ''),
      'a control character in an extension': chunked('3;a="\x00"', '[1]', '0', '', ''),
      'an extension without a name': chunked('3;=b', '[1]', '0', '', ''),
      'an extension without an end': chunked('3;a="b', '[1]', '0', '', ''),
      'a U+00A0 before the length': post(ADD).replace('Length: ', 'Length: \xa0'),
      'a U+00A0 behind the size of a chunk': chunked('3\xa0', '[1]', '0', '', ''),
      'no host': post(ADD).replace('Host: x\r\n', ''),
      'two hosts': post(ADD, 'Host: y'),
      'two hosts in HTTP/1.0': post(ADD, 'Host: y').replace('/1.1', '/1.0'),
      'a coding behind chunked': chunked('0', '').replace('chunked', 'chunked, gzip'),
      'two lengths': post(ADD, 'Content-Length: 5'),
      'a length that is none': post(ADD).replace(/Length: \d+/, 'Length: +5'),
      'a length and chunks': post(ADD, 'Transfer-Encoding: chunked'),
      'chunks in HTTP/1.0': chunked('0', '', '').replace('1.1', '1.0'),
      'a chunk without a size': chunked('x', ''),
      'a chunk that does not end where it should': chunked('3', '[1,2]', '0', '', ''),
    },
    411: { 'no length': `${POST}\r\n\r\n` },
    413: {
      'a long body': post('').replace(': 0', ': 99999999999999999999'),
      'a long chunk': chunked('fffffffffffffffff', ''),
      'chunks that are long together': chunked(...Array(20).fill(`ffff\r\n${'x'.repeat(0xffff)}`), ''),
    },
    431: {
      'a long head': post(ADD, `X: ${'x'.repeat(20_000)}`),
      'a head of many lines': post(ADD, ...tooMany),
      'a hundred fields and one': post(ADD, ...Array(99).fill('X: y')),
      'a hundred fields and one behind chunks': chunked('0', ...Array(101).fill('X: y'), '', ''),
      'many lines behind chunks': chunked('0', ...tooMany, ''),
    },
    501: {
      'another coding': chunked('0', '').replace('chunked', 'gzip, chunked'),
      'a coding of a coding': chunked('0', '').replace('chunked', 'chunked, chunked'),
    },
    505: { 'another version': post(ADD).replace('HTTP/1.1', 'HTTP/2.0') },
  };
  for (const [status, requests] of Object.entries(refused)) {
    for (const [what, stream] of Object.entries(requests)) {
      test(`answers ${what} with ${status}, and closes`, () =>
        expect(statuses(stream)).toEqual([Number(status), 'closed']));
    }
  }

  for (const [stream, ...expected] of [
    ['POST / HTT', 'an unfinished line: POST / HTT'],
    [`${POST}\r\n`, 'an unfinished request: '],
    [post(ADD).slice(0, -50), 'an unfinished request: {"js'],
  ] as const) {
    test(`reports ${JSON.stringify(stream)}, which is cut off`, () =>
      expect(converse('http', stream).reports).toEqual(expected));
  }
});

// Last, because it takes longest.
describe('the time that a chain takes', () => {
  const head = 'POST / HTTP/1.1\r\n';
  const line = '~x\r\n?';
  const requests = [
    `${head}Host: ~\r\n\r\n\r\n?`,
    `${head}Connection: ~x\r\n\r\n\r\n?`,
    `${head}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3;~x\r\n?`,
  ];
  for (const name of protocolNames) {
    test(`of ${name} is in proportion to the length of the stream`, () => {
      for (const filler of [' ', 'a', '\t', ',', '[', '?', '\n', 'a: ', '/W ']) {
        for (const shape of ['http', 'websocket'].includes(name) ? [line, ...requests] : [line]) {
          const stream = shape.replace('~', filler.repeat(60_000 / filler.length));
          const begin = process.cpuUsage();
          converse(name, stream);
          // A tenth of a second at most. To search all bytes again for each new one would take many seconds.
          expect(process.cpuUsage(begin).user / 1000).toBeLessThan(1000);
        }
      }
    });
  }

  test('of json-rpc is short when there are far too many parameters', () => {
    const begin = process.cpuUsage();
    const line = `{"jsonrpc":"2.0","method":"add","id":1,"params":[${'1,'.repeat(500_000)}1]}\n`;
    expect(answers('json-rpc', line)).toContain('Invalid params');
    expect(process.cpuUsage(begin).user / 1000).toBeLessThan(1000);
  });
});
