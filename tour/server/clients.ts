// The clients of a run: A, B and C. The page says what they do.

import { Client, type Happening } from '../../src/behaviours/client.ts';
import { quote } from '../../src/cli/log.ts';
import { now } from '../../src/sockets/system-call.ts';
import type { ClientEvent } from '../shared/events.ts';

export const names = ['A', 'B', 'C'] as const;
export type Name = (typeof names)[number];

/** What a client can do. */
export const doings = [
  ...(['connects', 'leaves', 'says', 'sends', 'ends its half', 'resets'] as const),
  ...(['stops reading', 'reads again', 'talks without end'] as const),
];
export type Doing = (typeof doings)[number];

/** The line that a client repeats that talks without end, if the page does not say. */
const CHATTER = 'the quick brown fox';
/** A client that talks without end sends at least so many bytes at a time, and stops after so many. */
const [SOME, MOST] = [16_000, 20_000_000];

/** The event of an action of a client, or of bytes that it received. */
export function eventOf(name: string, { what, length }: Happening, bytes?: Buffer): ClientEvent {
  if (!bytes) return { kind: 'client', time: now(), name, what };
  const text = quote(bytes.subarray(0, 80)).replace(/…?$/, length > 80 ? '…' : '');
  return { kind: 'client', time: now(), name, what, length, text, lines: linesIn(bytes) };
}

function linesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1)) count++;
  return count;
}

export class Clients {
  readonly #port: number;
  readonly #tell: (event: ClientEvent) => void;
  readonly #open = new Map<Name, Client>();
  /** The clients that talk without end. */
  readonly #talking = new Set<Client>();

  constructor(port: number, tell: (event: ClientEvent) => void) {
    this.#port = port;
    this.#tell = tell;
  }

  /** Makes a client do something, if the client can do it now. */
  async do(name: Name, doing: Doing, text = ''): Promise<void> {
    if (doing === 'connects') return this.#connect(name);
    const client = this.#open.get(name);
    if (!client) return;
    if (doing === 'says') await client.send(`${text}\n`);
    if (doing === 'sends') await client.send(text);
    if (doing === 'ends its half') client.end();
    if (doing === 'talks without end') void this.#talk(client, text || CHATTER);
    if (doing === 'stops reading' || doing === 'reads again') {
      if (doing === 'stops reading') client.socket.pause();
      else client.socket.resume();
      this.#tell({ kind: 'client', time: now(), name, what: doing });
    }
    if (doing === 'leaves') client.close();
    if (doing === 'resets') client.reset();
  }

  close(): void {
    for (const client of this.#open.values()) client.close();
  }

  async #connect(name: Name): Promise<void> {
    this.#open.get(name)?.close();
    const onHappening = (happening: Happening, bytes?: Buffer) => this.#tell(eventOf(name, happening, bytes));
    const client = await Client.connect(this.#port, { onHappening }).catch(() => undefined);
    if (!client) return this.#tell({ kind: 'client', time: now(), name, what: 'is refused' });
    this.#open.set(name, client);
    client.socket.on('data', () => client.forget()); // The bytes have been reported, and are not kept.
    client.socket.on('close', () => {
      if (this.#open.get(name) === client) this.#open.delete(name);
    });
  }

  async #talk(client: Client, line: string): Promise<void> {
    if (this.#talking.has(client)) return;
    this.#talking.add(client);
    const lines = Buffer.from(`${line}\n`.repeat(Math.ceil(SOME / (line.length + 1))));
    for (let sent = 0; sent < MOST && client.socket.writable; sent += lines.length) await client.send(lines);
    this.#talking.delete(client);
  }
}
