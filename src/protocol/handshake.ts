import { createHash } from 'node:crypto';
import { addField, BadRequest, type Head, MAX_FIELDS, parseRequestLine, wordsOf } from './http.ts';
import { page } from './page.ts';

/**
 * Answers the head of an HTTP request for a WebSocket. To a plain `GET /`, it answers with a page that opens a WebSocket.
 *
 * @param anyOrigin whether the page of another server may open one
 * @returns the answer, and whether the connection is a WebSocket now; if not, close it
 * @see RFC 6455, section 4.2
 */
export function shakeHands(head: string, anyOrigin: boolean): { answer: Buffer; upgraded: boolean } {
  try {
    const { minor, fields } = parse(head);
    if (!fields.has('upgrade')) {
      const html = ['Content-Type: text/html; charset=utf-8', 'Connection: close'];
      return { answer: response('200 OK', html, page), upgraded: false };
    }
    const upgrades =
      wordsOf(fields, 'upgrade').includes('websocket') && wordsOf(fields, 'connection').includes('upgrade');
    if (minor === 0 || !upgrades) throw new BadRequest(400);
    if (fields.get('sec-websocket-version')?.join() !== '13') throw new BadRequest(426);
    const key = fields.get('sec-websocket-key')?.join() ?? '';
    if (!/^[a-z0-9+/]{22}==$/i.test(key)) throw new BadRequest(400); // 16 bytes
    if (!anyOrigin && !isOwn(fields)) throw new BadRequest(403);
    const accept = `Sec-WebSocket-Accept: ${acceptOf(key)}`;
    const answer = response('101 Switching Protocols', ['Upgrade: websocket', 'Connection: Upgrade', accept]);
    return { answer, upgraded: true };
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    return { answer: refusal(error), upgraded: false };
  }
}

/** The answer that refuses a request. */
export function refusal({ status, message }: BadRequest): Buffer {
  const fields = ['Content-Type: text/plain', 'Connection: close'];
  if (status === 405) fields.push('Allow: GET');
  if (status === 426) fields.push('Upgrade: websocket', 'Sec-WebSocket-Version: 13');
  return response(`${status} ${message}`, fields, `${status} ${message}\n`);
}

/** Proves that the server has understood the request: section 4.2.2. */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

function parse(text: string): Head {
  const [requestLine = '', ...lines] = text.replace(/^\r\n/, '').split('\r\n');
  const head = parseRequestLine(requestLine);
  if (lines.length > MAX_FIELDS) throw new BadRequest(431);
  for (const line of lines) addField(head.fields, line);
  if (head.fields.get('host')?.length !== 1) throw new BadRequest(400);
  if (head.path !== '/') throw new BadRequest(404);
  if (head.method !== 'GET') throw new BadRequest(405);
  return head;
}

/** Whether the page is of this server. Browsers send the origin of a page: section 10.2. Other clients send none. */
function isOwn(fields: Head['fields']): boolean {
  const origin = fields.get('origin')?.join();
  const [host = ''] = fields.get('host') ?? [];
  return origin === undefined || origin.replace(/^https?:\/\//, '').toLowerCase() === host.toLowerCase();
}

function response(status: string, fields: string[], content?: string): Buffer {
  const length = content === undefined ? [] : [`Content-Length: ${Buffer.byteLength(content)}`];
  return Buffer.from(`HTTP/1.1 ${[status, ...fields, ...length].join('\r\n')}\r\n\r\n${content ?? ''}`);
}
