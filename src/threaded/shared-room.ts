import { type Guest, lines, NearRoom } from '../protocol/room.ts';
import { Socket } from '../sockets/socket.ts';
import { Mutex } from './mutex.ts';

// Indexes in the shared memory, before the guests.
const MUTEX = 0;
const COUNT = 1;
const NAMED = 2;
const FIRST = 3;

// And in a guest's entry: first the descriptor, then the name, of at most 16 letters.
const LENGTH = 1;
const NAME = 2;
const WIDTH = NAME + 4;

/**
 * A room for users with a thread each. Its table of users is numbers in shared memory, because threads share nothing
 * else. A thread holds the mutex while it reads the table, changes it, or sends to a user in it.
 */
export class SharedRoom extends NearRoom {
  readonly #numbers: Int32Array<SharedArrayBuffer>;
  readonly #mutex: Mutex;
  readonly #client: Socket;

  /** @param client the client of this thread */
  constructor(memory: SharedArrayBuffer, client: Socket) {
    super();
    this.#numbers = new Int32Array(memory);
    this.#mutex = new Mutex(this.#numbers, MUTEX);
    this.#client = client;
  }

  /** Memory for a room with this many places. */
  static memory(places: number): SharedArrayBuffer {
    return new SharedArrayBuffer((FIRST + places * WIDTH) * Int32Array.BYTES_PER_ELEMENT);
  }

  withLock(work: () => void): void {
    this.#mutex.acquire();
    try {
      work();
    } finally {
      this.#mutex.release();
    }
  }

  protected add(guest: Guest): boolean {
    const at = FIRST + this.#count * WIDTH;
    if (at === this.#numbers.length) return false;
    do {
      this.#numbers[NAMED] = (this.#numbers[NAMED] ?? 0) + 1;
      guest.name = `guest${this.#numbers[NAMED]}`;
    } while (this.find(guest.name));
    this.#numbers[at] = this.#client.fd;
    this.#write(at, guest.name);
    this.#numbers[COUNT] = this.#count + 1;
    return true;
  }

  protected remove(guest: Guest): void {
    this.#remove(this.#find(guest));
  }

  /** Removes the client, whose thread has died, and takes over the mutex if that thread held it. */
  leaveDead(thread: number): void {
    this.#mutex.acquire(thread);
    try {
      for (let at = FIRST; at < FIRST + this.#count * WIDTH; at += WIDTH) {
        if (this.#numbers[at] !== this.#client.fd) continue;
        const name = this.#read(at);
        this.#remove(at);
        this.broadcast(lines.left(name));
      }
    } finally {
      this.#mutex.release();
    }
  }

  #remove(at: number): void {
    const count = this.#count;
    this.#numbers.copyWithin(at, at + WIDTH, FIRST + count * WIDTH); // Later entries move up.
    this.#numbers[COUNT] = count - 1; // Nothing allocates in between, so no thread runs out of memory there.
  }

  protected setName(guest: Guest, name: string): void {
    this.#write(this.#find(guest), name);
    guest.name = name;
  }

  protected *guests(): Generator<Guest> {
    for (let i = 0; i < this.#count; i++) {
      const at = FIRST + i * WIDTH;
      yield { name: this.#read(at), deliver: (line) => sendTo(this.#numbers[at] ?? -1, line) };
    }
  }

  get #count(): number {
    return this.#numbers[COUNT] ?? 0;
  }

  #find(guest: Guest): number {
    let at = FIRST;
    while (this.#read(at) !== guest.name) at += WIDTH;
    return at;
  }

  #read(at: number): string {
    const start = (at + NAME) * Int32Array.BYTES_PER_ELEMENT;
    return Buffer.from(this.#numbers.buffer, start, this.#numbers[at + LENGTH]).toString('latin1');
  }

  #write(at: number, name: string): void {
    this.#numbers[at + LENGTH] = name.length;
    Buffer.from(this.#numbers.buffer, (at + NAME) * Int32Array.BYTES_PER_ELEMENT).write(name, 'latin1');
  }
}

/** Sends from any thread: descriptors belong to the process. If the connection is broken, the client's own thread notices. */
function sendTo(fd: number, line: Buffer): void {
  try {
    new Socket(fd).sendAll(line);
  } catch {}
}
