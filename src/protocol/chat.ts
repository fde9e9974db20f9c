import type { Layer } from './chain.ts';
import { basicCommands, CommandProtocol } from './commands.ts';
import { Dispatcher } from './dispatcher.ts';
import { visible } from './visible.ts';

/** A user in a room. */
export type Guest = {
  name: string;
  /** Sends a line to this user, with the `\n` at its end. A broadcast hands the same bytes to all users. */
  deliver(line: Buffer): void;
};

/** The link under a chat, which finds the end of each message. */
export type Framing = Layer<Buffer, Buffer> & {
  /** Sends a line that has its `\n` already: see {@link Guest.deliver}. */
  deliver(line: Buffer): void;
};

/** The users of a chat. */
export abstract class Room {
  /** Runs this while no other user sends or changes anything. Don't nest it. */
  abstract withLock(work: () => void): void;
  /** Adds a user under a free name: `guest1`. Returns false if the room is full. */
  abstract enter(guest: Guest): boolean;
  abstract leave(guest: Guest): void;
  /** Gives a user another name. It must be free. */
  abstract rename(guest: Guest, name: string): void;
  /** All users, in the order in which they joined. */
  abstract guests(): Iterable<Guest>;

  /** The user of this name. Names that differ only in capitals count as the same, because people confuse them. */
  find(name: string): Guest | undefined {
    const wanted = name.toLowerCase();
    for (const guest of this.guests()) if (guest.name.toLowerCase() === wanted) return guest;
    return undefined;
  }

  /** Delivers a line to all users, or to all but one. */
  broadcast(line: string, except?: Guest): void {
    const bytes = Buffer.from(`${line}\n`);
    for (const guest of this.guests()) if (guest.name !== except?.name) guest.deliver(bytes);
  }
}

/** A room for users that one thread serves. A plain variable holds them. */
export class LocalRoom extends Room {
  readonly #guests = new Set<Guest>();
  #named = 0;

  withLock(work: () => void): void {
    work(); // The one thread does not wait in here, so no other user's line comes between.
  }

  enter(guest: Guest): boolean {
    do guest.name = `guest${++this.#named}`;
    while (this.find(guest.name));
    this.#guests.add(guest);
    return true;
  }

  leave(guest: Guest): void {
    this.#guests.delete(guest);
  }

  rename(guest: Guest, name: string): void {
    guest.name = name;
  }

  guests(): Iterable<Guest> {
    return this.#guests;
  }
}

const commands = new Dispatcher<ChatProtocol>([
  ...basicCommands,
  ['NICK', (user, name) => user.nick(name.trim())],
  ['SAY', (user, text) => user.say(text)],
  ['MSG', (user, text) => user.message(text)],
  ['WHO', (user) => user.who()],
]);

/**
 * A chat: `NICK name`, `SAY text`, `MSG name text`, `WHO`, and the commands of {@link CommandProtocol}. Lines that begin with
 * `*` tell that a user has joined, left, or changed names.
 *
 * It is the top of a chain. The user joins when the chain is open, or when the connection calls {@link enter}. The connection
 * calls {@link leave} when it is closed.
 */
export class ChatProtocol extends CommandProtocol implements Guest {
  name = '';
  readonly deliver: (line: Buffer) => void;
  readonly #room: Room;
  #inside = false;

  constructor(room: Room, deliver: (line: Buffer) => void) {
    super();
    this.#room = room;
    this.deliver = deliver;
  }

  override get commands(): { names: string[] } {
    return commands;
  }

  /** Adds the user to the room. If the room is full, tells the user, and closes. */
  enter(): void {
    this.#room.withLock(() => {
      this.#inside = this.#room.enter(this);
      if (this.#inside) {
        // First tell the others. send() fails if this user has disconnected, and then leave() tells them that, too.
        this.#room.broadcast(`* ${this.name} joined`, this);
        this.send(`* welcome, ${this.name}`);
      } else {
        this.send('ERROR room is full');
        this.close();
      }
    });
  }

  /** Removes the user from the room. A second call does nothing. */
  leave(): void {
    this.#room.withLock(() => this.#leave());
  }

  override opened(): void {
    this.enter();
  }

  override received(line: string): void {
    this.#room.withLock(() => commands.dispatch(this, line));
  }

  override tooLong(limit: number): void {
    this.#room.withLock(() => {
      this.#leave();
      super.tooLong(limit);
    });
  }

  override ended(): void {
    this.leave();
  }

  override quit(): void {
    this.#leave();
    super.quit();
  }

  nick(name: string): void {
    const problem = this.#problemWith(name);
    if (problem) {
      this.send(`ERROR ${problem}`);
      return;
    }
    const before = this.name;
    this.#room.rename(this, name);
    this.#room.broadcast(`* ${before} is now ${name}`);
  }

  say(text: string): void {
    if (text.trim() === '') this.send('ERROR missing text');
    else this.#room.broadcast(`<${this.name}> ${visible(text)}`, this);
  }

  message(argument: string): void {
    const [, name = '', text = ''] = /^(\S*)\s?(.*)$/s.exec(argument) ?? [];
    const guest = this.#room.find(name);
    if (name === '') this.send('ERROR missing name');
    else if (!guest) this.send(`ERROR no such user: ${visible(name)}`);
    else if (text.trim() === '') this.send('ERROR missing text');
    else guest.deliver(Buffer.from(`-${this.name}- ${visible(text)}\n`));
  }

  who(): void {
    this.send(['WHO', ...Array.from(this.#room.guests(), ({ name }) => name)].join(' '));
  }

  #problemWith(name: string): string | undefined {
    if (name === '') return 'missing name';
    if (!/^[A-Za-z0-9_-]{1,16}$/.test(name)) return `bad name: ${visible(name)}`;
    const owner = this.#room.find(name);
    // You may change the capitals of your own name.
    const free = !owner || (owner.name === this.name && name !== this.name);
    return free ? undefined : `name taken: ${name}`;
  }

  #leave(): void {
    if (!this.#inside) return;
    this.#inside = false;
    this.#room.leave(this);
    this.#room.broadcast(`* ${this.name} left`);
  }
}
