import { Layer } from './chain.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { CrlfLineProtocol } from './lines.ts';

/** The most bytes of a head, of the first line of a chunk, and of the lines behind the last chunk. */
const MAX_HEAD = 16 * 1024;
/** The most fields of a head, or behind the last chunk. */
export const MAX_FIELDS = 100;
/** The most bytes of a body. */
const MAX_BODY = 1024 * 1024;
/** How much of a body that is too long is read and discarded: most clients read the answer only when they have sent all. */
const MAX_DISCARDED = 16 * MAX_BODY;

const reasons = new Map([
  [200, 'OK'],
  [204, 'No Content'],
  [400, 'Bad Request'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [411, 'Length Required'],
  [413, 'Content Too Large'],
  [417, 'Expectation Failed'],
  [426, 'Upgrade Required'],
  [431, 'Request Header Fields Too Large'],
  [501, 'Not Implemented'],
  [505, 'HTTP Version Not Supported'],
]);

/** A request whose rest can't be read. The server answers with this status, and closes the connection. */
export class BadRequest extends Error {
  readonly status: number;

  constructor(status: number) {
    super(reasons.get(status));
    this.status = status;
  }
}

/** The head of a request: RFC 9112, sections 3 and 5. */
export type Head = { method: string; path: string; minor: number; fields: Map<string, string[]> };

/** What comes next, if it is a line. */
type Line = 'request line' | 'field' | 'chunk size' | 'end of chunk' | 'trailer';

/**
 * The server's side of HTTP/1.1, under any protocol: the body of each `POST /` goes up. What the protocol above sends while it
 * receives that is the body of the answer. If it sends nothing, the answer is `204 No Content`.
 *
 * @see RFC 9112
 */
export class HttpProtocol extends Layer<Buffer, Buffer> {
  /** Finds the lines of a head, which end in `\r\n`, and hands them to {@link #line}. */
  readonly #lines = new CrlfLineProtocol();
  #next: Line = 'request line';
  /** How many bytes the next lines may have. */
  #room = MAX_HEAD;
  /** How many of the next lines may be fields. */
  #fieldsLeft = MAX_FIELDS;
  #linesSeen = 0;
  /** How many bytes of a body come before the next line. */
  #bytesLeft = 0;
  #head: Head = NO_HEAD;
  readonly #body = new GrowingBuffer();
  #answers: Buffer[] = [];
  /** Whether the connection closes after this answer. */
  #last = false;
  /** Whether the request has been answered before its end. The rest of it is discarded. */
  #answered = false;

  constructor() {
    super();
    const received = (line: Buffer) => {
      this.#linesSeen++;
      this.#line(line.toString('latin1'));
    };
    // MAX_HEAD is shorter than any line may be.
    this.#lines.above = { opened() {}, received, tooLong() {}, ended() {} };
    this.#lines.below = { send() {}, close() {}, report: (problem, bytes) => this.report(problem, bytes) };
  }

  received(bytes: Buffer): void {
    try {
      for (let rest = bytes; rest.length > 0 && !this.closed; ) {
        const length = this.#bytesLeft > 0 ? this.#takeBytes(rest) : this.#takeLine(rest);
        rest = rest.subarray(length);
      }
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      this.#last = true;
      this.#respond(error.status);
      super.close();
    }
  }

  /** Sends a part of the answer to this request. */
  send(answer: Buffer): void {
    this.#answers.push(answer);
  }

  /** Closes the connection behind the answer to this request. */
  override close(): void {
    this.#last = true;
  }

  override ended(): void {
    if (this.closed) return;
    this.#lines.ended();
    if (this.#next !== 'request line' || this.#bytesLeft > 0)
      this.report('an unfinished request', this.#body.bytes);
    super.ended();
  }

  #takeBytes(bytes: Buffer): number {
    const part = bytes.subarray(0, this.#bytesLeft);
    if (!this.#answered) this.#body.append(part);
    this.#bytesLeft -= part.length;
    if (this.#bytesLeft === 0 && this.#next === 'request line') this.#complete();
    return part.length;
  }

  /** Takes bytes up to the first \n: the bytes behind it may be a body. */
  #takeLine(bytes: Buffer): number {
    const end = bytes.indexOf('\n') + 1;
    const length = end || bytes.length;
    this.#room -= length;
    if (this.#room < 0) throw new BadRequest(431);
    const seen = this.#linesSeen;
    this.#lines.received(bytes.subarray(0, length));
    if (end > 0 && this.#linesSeen === seen) throw new BadRequest(400); // The \n had no \r before it.
    return length;
  }

  #line(line: string): void {
    if (this.#next === 'request line') {
      if (line !== '') this.#begin(line); // Empty lines before a request are ignored: section 2.2.
    } else if (this.#next === 'field') {
      if (line === '') this.#headComplete();
      else this.#field(line);
    } else if (this.#next === 'chunk size') {
      this.#chunk(line);
    } else if (this.#next === 'end of chunk') {
      if (line !== '') throw new BadRequest(400);
      this.#expect('chunk size');
    } else if (line === '') {
      this.#complete();
    } else {
      this.#field(line); // Fields may follow the last chunk. This server needs none of them: section 7.1.2.
    }
  }

  #field(line: string): void {
    if (--this.#fieldsLeft < 0) throw new BadRequest(431);
    if (this.#next === 'field') addField(this.#head.fields, line);
    else parseField(line);
  }

  #expect(line: Line): void {
    this.#next = line;
    if (line === 'field') return;
    this.#room = MAX_HEAD;
    this.#fieldsLeft = MAX_FIELDS;
  }

  #begin(line: string): void {
    this.#head = parseRequestLine(line);
    this.#expect('field');
  }

  /** Finds which kind of body follows, if any: section 6.3. */
  #headComplete(): void {
    const { method, minor, fields } = this.#head;
    const hosts = fields.get('host')?.length ?? 0;
    if (hosts > 1 || (hosts === 0 && minor > 0)) throw new BadRequest(400); // section 3.2
    this.#last = !keepsAlive(this.#head);
    const coding = fields.get('transfer-encoding')?.join();
    const length = fields.get('content-length')?.join();
    if (coding !== undefined) {
      // If there is a length as well, a proxy and this server may read two different requests: section 6.1.
      if (length !== undefined || minor === 0) throw new BadRequest(400);
      // Unless chunked is the last coding, the end of the body is unknown. A coding before it is not supported.
      if (!/(^|[,\t ])chunked$/i.test(coding)) throw new BadRequest(400);
      if (!/^chunked$/i.test(coding)) throw new BadRequest(501);
      this.#expectBody('chunk size', 0);
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) throw new BadRequest(400);
      this.#expectBody('request line', Number(length));
    } else if (method === 'POST') {
      throw new BadRequest(411);
    } else {
      this.#complete();
    }
  }

  #expectBody(next: Line, length: number): void {
    const expectation =
      this.#head.minor > 0 ? this.#head.fields.get('expect')?.join().toLowerCase() : undefined;
    if (expectation !== undefined) {
      // The client waits for 100 Continue before it sends the body: RFC 9110, section 10.1.1.
      if (expectation !== '100-continue') throw new BadRequest(417);
      const refusal = length > MAX_BODY ? 413 : refuses(this.#head);
      if (refusal) throw new BadRequest(refusal);
      this.below.send(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
    }
    this.#expect(next);
    this.#bytesLeft = length;
    if (length > MAX_BODY) this.#tooLong(length);
    if (length === 0 && next === 'request line') this.#complete();
  }

  /** Section 7.1. The extensions behind semicolons are checked, and ignored. */
  #chunk(line: string): void {
    const [, digits] = CHUNK.exec(line) ?? [];
    if (digits === undefined) throw new BadRequest(400);
    const length = Number.parseInt(digits, 16);
    if (length === 0) {
      this.#expect('trailer');
      return;
    }
    this.#expect('end of chunk');
    this.#bytesLeft = length;
    if (this.#body.length + length > MAX_BODY) throw new BadRequest(413);
  }

  /** A client that sends too much reads nothing before it has sent all. So answer now, and discard the body to its end. */
  #tooLong(length: number): void {
    if (length > MAX_DISCARDED) throw new BadRequest(413);
    this.#last = true;
    this.#respond(413);
    this.#answered = true;
  }

  /** All of a request has been read. */
  #complete(): void {
    const refusal = refuses(this.#head);
    if (this.#answered) {
      this.#answered = false;
    } else if (refusal) {
      this.#respond(refusal);
    } else {
      const body = this.#body.bytes;
      this.#body.clear();
      this.above.received(body);
      this.#respond(this.#answers.length > 0 ? 200 : 204, Buffer.concat(this.#answers));
      this.#answers = [];
    }
    this.#body.clear();
    this.#head = NO_HEAD;
    this.#expect('request line');
    if (this.#last) super.close();
  }

  /** Section 4, and RFC 9110 for what the fields mean. */
  #respond(status: number, content = Buffer.from(`${status} ${reasons.get(status)}\n`)): void {
    const fields = [`Date: ${new Date().toUTCString()}`];
    if (status === 405) fields.push('Allow: POST');
    if (status !== 204) {
      fields.push(`Content-Type: ${status === 200 ? 'application/json' : 'text/plain'}`);
      fields.push(`Content-Length: ${content.length}`);
    }
    if (this.#last) fields.push('Connection: close');
    else if (this.#head.minor === 0) fields.push('Connection: keep-alive');
    const head = Buffer.from(`HTTP/1.1 ${status} ${reasons.get(status)}\r\n${fields.join('\r\n')}\r\n\r\n`);
    const hasContent = status !== 204 && this.#head.method !== 'HEAD';
    this.below.send(hasContent ? Buffer.concat([head, content]) : head);
  }
}

const TOKEN = /[!#$%&'*+.^_`|~\w-]+/.source;
const QUOTED = /"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"/.source;
const SPACE = /[\t ]*/.source;
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([!-~]+) HTTP/(\\d)\\.(\\d)$`);
const FIELD = new RegExp(`^(${TOKEN}):([\\t -~\\x80-\\xff]*)$`);
const EXTENSION = `${SPACE};${SPACE}${TOKEN}(?:${SPACE}=${SPACE}(?:${TOKEN}|${QUOTED}))?`;
const CHUNK = new RegExp(`^([\\da-f]+)(?:${EXTENSION})*${SPACE}$`, 'i');

const NO_HEAD: Head = { method: '', path: '', minor: 1, fields: new Map() };

/** Section 3. */
export function parseRequestLine(line: string): Head {
  const [, method, target, major, minor] = REQUEST_LINE.exec(line) ?? [];
  if (method === undefined || target === undefined) throw new BadRequest(400);
  if (major !== '1') throw new BadRequest(505);
  // The form for proxies, http://host/path, is valid as well: section 3.2.2.
  const [, path = ''] = /^(?:https?:\/\/[^/?]*)?(\/?[^?]*)/i.exec(target) ?? [];
  return { method, path: path || '/', minor: Number(minor), fields: new Map() };
}

/** Section 5. A space before the colon is wrong, and so is a line that continues the one before it. */
export function addField(fields: Head['fields'], line: string): void {
  const [name, value] = parseField(line);
  const values = fields.get(name);
  if (values) values.push(value);
  else fields.set(name, [value]);
}

function parseField(line: string): [name: string, value: string] {
  const [, name, value] = FIELD.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new BadRequest(400);
  return [name.toLowerCase(), trimmed(value)];
}

/** The value without the spaces and tabs at its ends. trim() would remove U+00A0, too. */
function trimmed(value: string): string {
  return /[^\t ](?:.*[^\t ])?/.exec(value)?.[0] ?? '';
}

/** Section 9.3. */
function keepsAlive({ minor, fields }: Head): boolean {
  const options = wordsOf(fields, 'connection');
  return !options.includes('close') && (minor > 0 || options.includes('keep-alive'));
}

/** The words of a field that is a list, with commas between them: RFC 9110, section 5.6.1. */
export function wordsOf(fields: Head['fields'], name: string): string[] {
  return (fields.get(name) ?? []).join().toLowerCase().split(',').map(trimmed);
}

/** The status that refuses a valid request: for another path, or another method. */
function refuses({ method, path }: Head): number | undefined {
  if (path !== '/') return 404;
  return method === 'POST' ? undefined : 405;
}
