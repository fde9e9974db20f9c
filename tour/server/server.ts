// The server of the tour: it sends the page and its content, streams events to it, and answers its requests.

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contentOf, overview, steps } from '../content/content.ts';
import { cookie, elsewhere, headers, isSame, refusal } from './access.ts';
import { readAct } from './acts.ts';
import { html, script, style } from './page.ts';
import { Visit } from './visit.ts';

/** How many pages may be open at a time, each with two steps at most. */
const PAGES = 4;
/** The longest request, in bytes. */
const LONGEST = 64 * 1024;

export type Tour = {
  /** The address to open, with its token. */
  address: string;
  port: number;
  /** Ends all steps, and the server. */
  close(): Promise<void>;
};

/** Serves the tour on 127.0.0.1, at an address with a secret token. */
export async function startTour(port = 0): Promise<Tour> {
  const house = new House();
  const server = createServer((request, response) => house.answer(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  house.port = (server.address() as AddressInfo).port;
  return {
    address: `http://127.0.0.1:${house.port}/?token=${house.token}`,
    port: house.port,
    close: () => house.close(server),
  };
}

class House {
  port = 0;
  readonly token = randomBytes(18).toString('base64url');
  readonly #secret = randomBytes(18).toString('base64url');
  readonly #visits = new Map<string, Visit>();
  readonly #files = new Map<string, { type: string; text: () => string | Promise<string> }>([
    ['/', { type: 'text/html', text: () => html('live') }],
    ['/page.js', { type: 'text/javascript', text: once(script) }],
    ['/style.css', { type: 'text/css', text: style }],
    ['/content/overview.json', { type: 'application/json', text: () => JSON.stringify(overview()) }],
    ...Array.from(steps.values(), (step): [string, { type: string; text: () => Promise<string> }] => [
      `/content/${step.name}.json`,
      { type: 'application/json', text: async () => JSON.stringify(await contentOf(step)) },
    ]),
  ]);

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const asking = { method: request.method ?? '', headers: request.headers };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const token = searchParams.get('token');
    const refused = token === null ? refusal(asking, this.port, this.#secret) : this.#mayEnter(asking, token);
    if (refused)
      return end(response, 403, `Refused: ${refused}. Open the address that npm run tour has printed.\n`);
    if (token !== null) {
      response.setHeader('Set-Cookie', cookie(this.port, this.#secret));
      response.setHeader('Location', '/');
      return end(response, 303, '');
    }
    const page = searchParams.get('page') ?? '';
    if (asking.method === 'GET' && pathname === '/events') return this.#listen(page, response);
    if (asking.method === 'POST' && pathname === '/act') return this.#act(page, request, response);
    const file = this.#files.get(pathname);
    if (!file || asking.method !== 'GET') return end(response, 404, 'Not found\n');
    response.setHeader('Content-Type', `${file.type}; charset=utf-8`);
    response.end(await file.text());
  }

  async close(server: Server): Promise<void> {
    await Promise.all(Array.from(this.#visits.values(), (visit) => visit.leave()));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  #mayEnter(asking: Parameters<typeof elsewhere>[0], token: string): string | undefined {
    return elsewhere(asking, this.port) ?? (isSame(token, this.token) ? undefined : 'another token');
  }

  #listen(page: string, response: ServerResponse): void {
    if (!/^[\w-]{8,50}$/.test(page)) {
      end(response, 400, 'Cannot report events: the page has no name\n');
      return;
    }
    const known = this.#visits.get(page);
    if (!known && this.#visits.size >= PAGES) {
      end(response, 503, `Cannot open a page: ${PAGES} are open already\n`);
      return;
    }
    const visit = known ?? new Visit(() => this.#visits.delete(page));
    this.#visits.set(page, visit);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('retry: 500\n\n');
    visit.listen(response);
  }

  async #act(page: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = this.#visits.get(page);
    if (!visit) return end(response, 409, 'This page is not connected: load it again\n');
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      return end(response, 415, 'Cannot read the request: it is no JSON\n');
    const body = await bodyOf(request);
    if (body === undefined) return end(response, 413, 'Cannot read the request: it is too long\n');
    try {
      await visit.do(readAct(body));
      end(response, 204, '');
    } catch (error) {
      end(response, 400, `${(error as Error).message}\n`);
    }
  }
}

/** The body of a request; undefined if it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > LONGEST) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function end(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  if (text) response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(text || undefined);
}

function once<Result>(make: () => Result): () => Result {
  let made: { result: Result } | undefined;
  return () => {
    made ??= { result: make() };
    return made.result;
  };
}
