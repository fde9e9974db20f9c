import { type Guest, lines, NearRoom } from '../protocol/room.ts';
import { Socket } from '../sockets/socket.ts';
import { Mutex } from './mutex.ts';

// Where things are in the shared memory, before the guests themselves.
const MUTEX = 0;
const COUNT = 1;
const NAMED = 2;
const FIRST = 3;

// And of a guest: the descriptor, and the name, which has 16 letters at most.
const LENGTH = 1;
const NAME = 2;
const WIDTH = NAME + 4;

/**
 * A room for users who are served by a thread each. Its table of users is in shared memory, as numbers, because that is all
 * that threads can share. A thread holds the mutex while it reads the table, changes it, or sends to a user in it.
 */
export class SharedRoom extends NearRoom {
  readonly #numbers: Int32Array<SharedArrayBuffer>;
  readonly #mutex: Mutex;
  readonly #client: Socket;

  /** @param client the user whom this thread serves */
  constructor(memory: SharedArrayBuffer, client: Socket) {
    super();
    this.#numbers = new Int32Array(memory);
    this.#mutex = new Mutex(this.#numbers, MUTEX);
    this.#client = client;
  }

  /** Memory for a room with so many places. */
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

  /** Has the client leave whose thread has died, perhaps with the mutex in its hands. */
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
    this.#numbers.copyWithin(at, at + WIDTH, FIRST + count * WIDTH); // Those behind move up.
    this.#numbers[COUNT] = count - 1; // No memory is asked for in between: so no thread dies there for want of it.
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

/** A descriptor belongs to the process: any thread may send on it. If it is broken, its own thread will find out. */
function sendTo(fd: number, line: Buffer): void {
  try {
    new Socket(fd).sendAll(line);
  } catch {}
}
