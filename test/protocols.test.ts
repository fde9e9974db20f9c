// What each protocol says, and that none of them ever throws: on transport, without a socket.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildChain, protocolNames } from '../src/protocol/protocols.ts';
import { byteByByte, cuts, FakeTransport, streams, talk } from './fake-transport.ts';

const speak =
  (protocol: string, maxQuestions = 0) =>
  (transport: FakeTransport) =>
    buildChain({ protocol, 'max-questions': maxQuestions }, transport);

/** What is answered to a stream. */
const answers = (protocol: string, stream: string) => talk(speak(protocol), stream).sent;

const NOW = new Date('2026-01-02T03:04:05.678Z');

// Clocks and dice give the same each time, or nothing could be compared.
beforeAll(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.3);
});
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a chain', () => {
  /** Words of each protocol, so that streams of them get further than noise does. */
  const words: Record<string, string[]> = {
    echo: ['one', '\n', '\r\n'],
    commands: ['ECHO ', 'time', 'HELP', 'QUIT', 'constructor', ' ', '\n', '\r\n'],
    zen: ['Beautiful is better than', 'Simple is better than?', '?', '\n', ' '],
    oracle: ['Will I be happy tomorrow?', '?', '\n', 'Is there', ' '],
    'json-rpc': [
      '{"jsonrpc":"2.0","id":1,"method":"add","params":[2,3]}',
      '{"jsonrpc":"2.0","method":"echo","params":{"value":"é"}}',
      '{"jsonrpc":"2.0","id":null,"method":"',
      '"}',
      'params',
      '__proto__',
      '[',
      ']',
      '{',
      '}',
      ',',
      '1e999',
      '\n',
      '\r\n',
    ],
    http: [
      'POST / HTTP/1.1\r\nHost: x\r\n',
      'POST / HTTP/1.0\r\n',
      'GET /x HTTP/1.1\r\nHost: x\r\n\r\n',
      'HEAD http://x/ HTTP/1.1\r\nHost: x\r\n\r\n',
      'Content-Length: 5\r\n\r\n[1,2]',
      'Content-Length: 0\r\n',
      'Content-Length: 9999999\r\n\r\n',
      'Transfer-Encoding: chunked\r\n\r\n',
      '5;x=y\r\n[1,2]\r\n',
      '0\r\n\r\n',
      'fffffffff\r\n',
      'Expect: 100-continue\r\n',
      'Connection: close\r\n',
      'X: y\r\n',
      ' folded\r\n',
      '\r\n',
      '\n',
    ],
    finger: ['ada', '/W', ' ', '@host', '\r\n', '\n', '\x1b[2J'],
  };

  for (const name of protocolNames) {
    test(`of ${name} throws at no stream, and answers it the same however it is cut`, () => {
      const word = fc.constantFrom(...(words[name] ?? [])).map((text) => Buffer.from(text));
      const conversations = fc
        .array(fc.oneof({ weight: 5, arbitrary: word }, streams), { maxLength: 20 })
        .map((pieces) => Buffer.concat(pieces));
      fc.assert(
        fc.property(conversations, cuts, (stream, at) => {
          const whole = talk(speak(name), stream);
          expect(talk(speak(name), stream, at)).toEqual(whole);
          expect(talk(speak(name), stream, byteByByte(stream))).toEqual(whole);
        }),
        { numRuns: 300 },
      );
    });
  }
});

test('echo sends each line back, whatever it ends in', () => {
  expect(answers('echo', 'a\nb\r\n\nc')).toBe('a\nb\r\n\n');
});

test('there is no chain of a protocol that is not known', () => {
  expect(() => answers('gopher', '')).toThrow('Cannot speak "gopher": no such protocol');
});

describe('zen', () => {
  test('answers its three questions, and no other, many in one packet', () => {
    expect(
      answers('zen', 'Beautiful is better than?Explicit is better than?Simple is better than?What is this?'),
    ).toBe('Ugly.Implicit.Complex.Error: unknown aphorism.');
  });

  test('does not mind a line break between questions', () => {
    expect(talk(speak('zen'), 'Simple is better than?\nSimple is better than?\n')).toMatchObject({
      sent: 'Complex.Complex.',
      reports: [],
    });
  });

  test('reports a question that is cut off, with its bytes', () => {
    expect(talk(speak('zen'), 'Simple is better than?Beautiful is').reports).toEqual([
      'an unfinished question: Beautiful is',
    ]);
  });
});

describe('oracle', () => {
  test('answers with the question and one of five replies', () => {
    const seen = new Set<string>();
    for (const dice of [0, 0.2, 0.4, 0.6, 0.99]) {
      vi.mocked(Math.random).mockReturnValue(dice);
      seen.add(answers('oracle', 'Will I be happy tomorrow?'));
    }
    vi.mocked(Math.random).mockReturnValue(0.3);
    expect([...seen]).toEqual(
      ['Yes.', 'Very likely.', 'Maybe.', 'Not likely.', 'No.'].map(
        (reply) => `Will I be happy tomorrow? ${reply}`,
      ),
    );
  });

  test('answers as many questions as it may, and closes', () => {
    const transport = talk(speak('oracle', 2), ' a ?b?c?d?');
    expect(transport).toMatchObject({ sent: 'a? Very likely.b? Very likely.', closed: true });
    expect(talk(speak('oracle'), 'a?'.repeat(100)).closed).toBe(false);
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
    ['\r\n', /^Login {4}Name\r\nada {6}Ada Lovelace\r\nalan {5}Alan Turing\r\ngrace {4}Grace Hopper\r\n$/],
    ['grace\r\n', GRACE],
    ['/W grace\r\n', MORE],
    ['/w GRACE\r\n', MORE],
    ['/W\r\n', `${ADA}\r\n${ALAN}\r\n${MORE}`],
    ['a/W grace\r\n', 'finger: a/W grace: no such user.\r\n'],
    [' grace \r\n', GRACE],
    ['nobody\r\n', 'finger: nobody: no such user.\r\n'],
    ['constructor\r\n', 'finger: constructor: no such user.\r\n'],
    ['\x1b[2Jé\r\n', 'finger: ?[2J?: no such user.\r\n'],
    ['ada@elsewhere\r\n', 'Finger forwarding service denied.\r\n'],
    ['@elsewhere\r\n', 'Finger forwarding service denied.\r\n'],
  ] as const) {
    test(`answers ${JSON.stringify(question)}, and closes`, () => {
      const { sent, closed } = talk(speak('finger'), `${question}ada\r\n`);
      expect(closed).toBe(true);
      if (typeof answer === 'string') expect(sent).toBe(answer);
      else expect(sent).toMatch(answer);
    });
  }

  test('does not take \\n for the end of a line', () => {
    expect(talk(speak('finger'), 'ada\n')).toMatchObject({
      sent: '',
      reports: ['an unfinished line: ada\n'],
    });
  });
});

describe('json-rpc', () => {
  const failure = (code: number, message: string, id: unknown = null) =>
    `{"jsonrpc":"2.0","error":{"code":${code},"message":"${message}"},"id":${JSON.stringify(id)}}`;
  const parseError = failure(-32700, 'Parse error');
  const invalidRequest = failure(-32600, 'Invalid Request');
  const invalidParams = failure(-32602, 'Invalid params', 1);
  const result = (value: unknown, id: unknown = 1) => JSON.stringify({ jsonrpc: '2.0', result: value, id });
  const call = (method: string, params?: unknown, id: unknown = 1) =>
    JSON.stringify({ jsonrpc: '2.0', method, params, id });

  for (const [title, request, response] of [
    ['adds by position', call('add', [2, 3]), result(5)],
    ['adds by name', call('add', { b: 2, a: 0.5 }), result(2.5)],
    ['tells the time', call('time'), result(NOW.toISOString())],
    ['tells the time, asked with no parameters at all', call('time', []), result(NOW.toISOString())],
    ['echoes anything', call('echo', [{ a: [null, 'é'] }]), result({ a: [null, 'é'] })],
    ['gives back the id, if it is a text', call('add', [1, 1], 'x'), result(2, 'x')],
    ['gives back the id, if it is null', call('add', [1, 1], null), result(2, null)],
    ['does not mind \\r at the end', `${call('add', [2, 3])}\r`, result(5)],
    [
      'cannot read what is no JSON',
      '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
      parseError,
    ],
    ['cannot read an empty line', '', parseError],
    ['cannot read half a batch', `[${call('add', [1, 2])},{"jsonrpc":"2.0","method"]`, parseError],
    ['wants a request', '1', invalidRequest],
    ['wants a request, not null', 'null', invalidRequest],
    ['wants a method that is a text', '{"jsonrpc":"2.0","method":1}', invalidRequest],
    [
      'wants parameters in an array or an object',
      '{"jsonrpc":"2.0","method":"echo","params":"x","id":1}',
      invalidRequest,
    ],
    ['wants no parameters that are null', '{"jsonrpc":"2.0","method":"echo","params":null}', invalidRequest],
    ['wants version 2.0', '{"method":"add","params":[1,2],"id":1}', invalidRequest],
    ['wants an id that may be one', '{"jsonrpc":"2.0","method":"time","id":{}}', invalidRequest],
    ['knows its methods', call('foobar', [1]), failure(-32601, 'Method not found', 1)],
    ['knows no others', call('constructor', [1]), failure(-32601, 'Method not found', 1)],
    ['wants all parameters', call('add', [1]), invalidParams],
    ['wants no more parameters', call('add', [1, 2, 3]), invalidParams],
    ['wants their names', call('add', { a: 1, c: 2 }), invalidParams],
    ['wants names that are their own', call('add', { a: 1, __proto__: { b: 2 } }), invalidParams],
    ['wants numbers', call('add', [1, '2']), invalidParams],
    ['has no name for what is too large', call('add', [1.7e308, 1.7e308]), invalidParams],
    ['wants none where there are none', call('time', [1]), invalidParams],
    ['answers no notification', '{"jsonrpc":"2.0","method":"echo","params":["x"]}', ''],
    ['answers no notification that is wrong', '{"jsonrpc":"2.0","method":"foobar"}', ''],
    ['wants something in a batch', '[]', invalidRequest],
    ['answers each of a batch', '[1,2]', `[${invalidRequest},${invalidRequest}]`],
    [
      'answers in a batch what is to be answered',
      `[${call('add', [1, 2], 'a')},{"jsonrpc":"2.0","method":"time"},{"foo":"boo"},${call('no', [], 'b')}]`,
      `[${result(3, 'a')},${invalidRequest},${failure(-32601, 'Method not found', 'b')}]`,
    ],
    [
      'answers no batch of notifications',
      '[{"jsonrpc":"2.0","method":"time"},{"jsonrpc":"2.0","method":"no"}]',
      '',
    ],
  ] as const) {
    test(title, () => {
      expect(answers('json-rpc', `${request}\n`)).toBe(
        response && Buffer.from(`${response}\n`).toString('latin1'),
      );
    });
  }
});

test('json-rpc does not go under when what it is given is too deep to be sent back', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const answer = answers('json-rpc', `{"jsonrpc":"2.0","method":"echo","id":1,"params":[${deep}]}\n`);
  // It depends on the version of Node.
  const failure = '{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":1}\n';
  expect([failure, `{"jsonrpc":"2.0","result":${deep},"id":1}\n`].includes(answer)).toBe(true);
});

describe('http', () => {
  const ADD = '{"jsonrpc":"2.0","id":1,"method":"add","params":[2,3]}';
  const SUM = '{"jsonrpc":"2.0","result":5,"id":1}';
  const NOTIFY = '{"jsonrpc":"2.0","method":"time"}';
  const DATE = 'Date: Fri, 02 Jan 2026 03:04:05 GMT';
  const post = (body: string, ...fields: string[]) =>
    [`POST / HTTP/1.1`, 'Host: x', ...fields, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join(
      '\r\n',
    );
  const chunked = (...rest: string[]) =>
    ['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', '', ...rest].join('\r\n');
  const ok = (body = SUM, ...more: string[]) =>
    [
      'HTTP/1.1 200 OK',
      DATE,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      ...more,
      '',
      body,
    ].join('\r\n');
  /** The status lines of all answers, and whether it has closed. */
  const statuses = (stream: string) => {
    const { sent, closed } = talk(speak('http'), stream);
    const codes = [...sent.matchAll(/HTTP\/1\.1 (\d+) (?!undefined)\w+/g)].map(([, code]) => Number(code));
    return closed ? [...codes, sent.includes('\r\nConnection: close\r\n') && 'closed'] : codes;
  };

  test('answers a body with a body', () => {
    expect(talk(speak('http'), post(ADD))).toMatchObject({ sent: ok(), closed: false, reports: [] });
  });

  test('answers one request after the other on a connection, and all of a pipeline, in order', () => {
    const other = ADD.replace('[2,3]', '[20,30]');
    expect(answers('http', post(ADD) + post(other) + post(ADD))).toBe(
      ok() + ok(SUM.replace('5', '50')) + ok(),
    );
  });

  test('puts chunks together, whatever else stands in their lines', () => {
    const [one, two] = [ADD.slice(0, 16), ADD.slice(16)];
    const body = ['10 ;a=b', one, two.length.toString(16).toUpperCase(), two, '0', 'Trailer: x', '', ''];
    expect(answers('http', chunked(...body) + post(ADD))).toBe(ok() + ok());
  });

  test('has nothing to say to a notification, and says so', () => {
    expect(answers('http', post(NOTIFY))).toBe(`HTTP/1.1 204 No Content\r\n${DATE}\r\n\r\n`);
  });

  test('closes when it is asked to, and acts on nothing behind that', () => {
    expect(talk(speak('http'), post(ADD, 'Connection: Keep-Alive, Close') + post(ADD))).toMatchObject({
      sent: ok(SUM, 'Connection: close'),
      closed: true,
    });
  });

  test('keeps a connection of HTTP/1.0 only if it is asked to', () => {
    const old = (field = '') => `POST / HTTP/1.0\r\n${field}Content-Length: ${ADD.length}\r\n\r\n${ADD}`;
    expect(talk(speak('http'), old()).sent).toBe(ok(SUM, 'Connection: close'));
    const kept = talk(speak('http'), old('Connection: keep-alive\r\n').repeat(2));
    expect(kept).toMatchObject({ sent: ok(SUM, 'Connection: keep-alive').repeat(2), closed: false });
  });

  test('says 100 Continue to a client that waits for it, and refuses before the body if it is going to', () => {
    const [head, body] = post(ADD, 'Expect: 100-continue').split('\r\n\r\n') as [string, string];
    const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
    expect(answers('http', `${head}\r\n\r\n`)).toBe(CONTINUE);
    expect(answers('http', `${head}\r\n\r\n${body}`)).toBe(CONTINUE + ok());
    expect(statuses(`${head.replace('/ ', '/x ')}\r\n\r\n`)).toEqual([404, 'closed']);
    expect(statuses(`${head.replace(/Length: \d+/, 'Length: 2000000')}\r\n\r\n`)).toEqual([413, 'closed']);
    expect(statuses(`${head.replace('100-continue', 'miracles')}\r\n\r\n`)).toEqual([417, 'closed']);
  });

  test('answers HEAD without a body', () => {
    expect(answers('http', 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 405 .*\r\nAllow: POST\r\nContent-Type: text\/plain\r\nContent-Length: \d+\r\n\r\n$/s,
    );
  });

  test('says what is wrong with a request, whatever the one before it was', () => {
    const answer = answers('http', 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n');
    expect(answer).toMatch(/HTTP\/1\.1 400 .*\r\n\r\n400 Bad Request\n$/s);
  });

  test('reads what is too long to its end, and closes: a client that sends does not listen before', () => {
    const long = post('x'.repeat(2_000_000));
    const early = talk(speak('http'), long.slice(0, 1000));
    expect(early.sent).toMatch(/^HTTP\/1\.1 413 .*\r\nConnection: close\r\n\r\n413 Content Too Large\n$/s);
    expect(early.closed).toBe(false);
    expect(statuses(long)).toEqual([413, 'closed']);
    expect(statuses(long + post(ADD))).toEqual([413, 'closed']);
  });

  for (const [title, stream, expected] of [
    ['takes an empty line before a request', `\r\n\r\n${post(ADD)}`, [200]],
    ['takes the whole address for a target', post(ADD).replace('/ ', 'http://localhost:12345/?q '), [200]],
    [
      'takes fields in any case, with any space around values',
      post(ADD).replace('Host: x', 'hOST:\t x \t'),
      [200],
    ],
    ['finds nothing elsewhere, and goes on', post(ADD).replace('/ ', '/elsewhere ') + post(ADD), [404, 200]],
    ['knows no other method, and goes on', `GET / HTTP/1.1\r\nHost: x\r\n\r\n${post(ADD)}`, [405, 200]],
    ['reads the body of a method it does not know', post(ADD).replace('POST', 'PUT') + post(ADD), [405, 200]],
    ['wants a length', 'POST / HTTP/1.1\r\nHost: x\r\n\r\n', [411, 'closed']],
    ['has a limit for a body', post('').replace(': 0', ': 99999999999999999999'), [413, 'closed']],
    ['has a limit for chunks', chunked('fffffffffffffffff', ''), [413, 'closed']],
    [
      'has a limit for all chunks together',
      chunked(...Array(20).fill(`ffff\r\n${'x'.repeat(0xffff)}`), ''),
      [413, 'closed'],
    ],
    ['has a limit for a head', post(ADD, `X: ${'x'.repeat(20_000)}`), [431, 'closed']],
    ['has a limit for a head of many lines', post(ADD, ...Array(5000).fill('X: y')), [431, 'closed']],
    ['has a limit for what is behind chunks', chunked('0', ...Array(5000).fill('X: y'), ''), [431, 'closed']],
    ['reads one head after the other, however many', post(ADD).repeat(400), Array(400).fill(200)],
    ['reads a body of no bytes', post('') + post(ADD), [200, 200]],
    ['reads a body of a mebibyte', post('x'.repeat(2 ** 20)), [200]],
    ['reads a chunk of a mebibyte', chunked('100000', 'x'.repeat(2 ** 20), '0', '', ''), [200]],
    ['says 100 Continue to no HTTP/1.0', post(ADD, 'Expect: x').replace('/1.1', '/1.0'), [200, 'closed']],
    ['cannot read nonsense', 'hello\r\n', [400, 'closed']],
    ['cannot read a word before the method', post(ADD).replace('POST', 'x POST'), [400, 'closed']],
    ['cannot read a word behind the version', post(ADD).replace('/1.1', '/1.1x'), [400, 'closed']],
    ['cannot read two names before a colon', post(ADD, 'X Y: z'), [400, 'closed']],
    ['cannot read folded lines with a colon', post(ADD, 'X: y', ' z: y'), [400, 'closed']],
    ['cannot read a word before the size of a chunk', chunked('x3', ''), [400, 'closed']],
    ['cannot read a word behind the size of a chunk', chunked('3 x', ''), [400, 'closed']],
    ['cannot read lines without \\r', post(ADD).replaceAll('\r', ''), [400, 'closed']],
    ['cannot read two spaces', post(ADD).replace(' / ', '  / '), [400, 'closed']],
    ['cannot read a space before a colon', post(ADD, 'X : y'), [400, 'closed']],
    ['cannot read folded lines', post(ADD, 'X: y', ' z'), [400, 'closed']],
    ['cannot read control characters', post(ADD, 'X: \x00'), [400, 'closed']],
    ['wants to know the host', post(ADD).replace('Host: x\r\n', ''), [400, 'closed']],
    ['wants to know one host', post(ADD, 'Host: y'), [400, 'closed']],
    [
      'wants to know one host, in HTTP/1.0 as well',
      post(ADD, 'Host: y').replace('HTTP/1.1', 'HTTP/1.0'),
      [400, 'closed'],
    ],
    ['wants chunks last', chunked('0', '').replace('chunked', 'chunked, gzip'), [400, 'closed']],
    ['wants one length', post(ADD, 'Content-Length: 5'), [400, 'closed']],
    ['wants a length that is one', post(ADD).replace(/Length: \d+/, 'Length: +5'), [400, 'closed']],
    ['wants a length or chunks', post(ADD, 'Transfer-Encoding: chunked'), [400, 'closed']],
    ['wants no chunks in HTTP/1.0', chunked('0', '', '').replace('1.1', '1.0'), [400, 'closed']],
    ['wants chunks with a length', chunked('x', ''), [400, 'closed']],
    ['wants chunks that end where they should', chunked('3', '[1,2]', '0', '', ''), [400, 'closed']],
    ['knows no other coding', chunked('0', '').replace('chunked', 'gzip, chunked'), [501, 'closed']],
    ['knows no coding of a coding', chunked('0', '').replace('chunked', 'chunked, chunked'), [501, 'closed']],
    ['knows no other version', post(ADD).replace('HTTP/1.1', 'HTTP/2.0'), [505, 'closed']],
  ] as const) {
    test(title, () => expect(statuses(stream)).toEqual(expected));
  }

  test('reports nothing that is cut off behind its close, though its transport may still hear of it', () => {
    const transport = new FakeTransport();
    const protocol = speak('http')(transport);
    protocol.received(Buffer.from(`${post(ADD, 'Connection: close')}POST / HT`));
    protocol.received(Buffer.from('half'));
    protocol.ended();
    expect(transport).toMatchObject({ closed: true, reports: [] });
  });

  test('reports a request that is cut off', () => {
    expect(talk(speak('http'), 'POST / HTT').reports).toEqual(['an unfinished line: POST / HTT']);
    expect(talk(speak('http'), 'POST / HTTP/1.1\r\nHost: x\r\n').reports).toEqual([
      'an unfinished request: ',
    ]);
    expect(talk(speak('http'), post(ADD).slice(0, -50)).reports).toEqual(['an unfinished request: {"js']);
  });
});

// Last, because it takes longest.
describe('the time that a chain takes', () => {
  for (const name of protocolNames) {
    test(`of ${name} is in proportion to what it is sent, whatever that is`, () => {
      for (const filler of [' ', 'a', '\t', ',', '[', '?', '\n', 'a: ', '/W ']) {
        for (const [head, tail] of [
          ['', 'x'],
          ['POST / HTTP/1.1\r\nHost: ', '\r\n\r\n'],
          ['POST / HTTP/1.1\r\nConnection: ', 'x\r\n\r\n'],
        ] as const) {
          const stream = `${head}${filler.repeat(60_000 / filler.length)}${tail}\r\n?`;
          const begin = process.cpuUsage();
          talk(speak(name), stream);
          // A tenth of a second at most. If it went over all of it again for each byte, it would be many seconds.
          expect(process.cpuUsage(begin).user / 1000).toBeLessThan(1000);
        }
      }
    });
  }
});
