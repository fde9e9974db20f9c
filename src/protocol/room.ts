// Who is in a chat, and how what they say reaches the others.

/** A user in a room. */
export type Guest = {
  name: string;
  /** Hands a line to this user, with the `\n` at its end. All users are handed the same bytes. */
  deliver(line: Buffer): void;
};

/** The lines of a chat, by what has happened to the user of this name. */
export const lines = {
  joined: (name: string) => `* ${name} joined`,
  left: (name: string) => `* ${name} left`,
  renamed: (name: string, before: string) => `* ${before} is now ${name}`,
  said: (name: string, text: string) => `<${name}> ${text}`,
  told: (name: string, text: string) => `-${name}- ${text}`,
};

/** Called when a room has done what it was asked for, or else with the reason why it has not. */
export type Answer = (problem?: string) => void;

/**
 * The users of a chat, as one who speaks for a user sees them. A room that is elsewhere answers later. One that is here
 * answers before it returns, which a promise could not.
 */
export abstract class Room {
  /** Runs this while no other user says or changes anything. Not to be nested. */
  abstract withLock(work: () => void): void;
  /** Lets a user in, under a name that is free, `guest1`, and tells the others. */
  abstract enter(guest: Guest, answer: Answer): void;
  /** Has a user leave, and tells the others. */
  abstract leave(guest: Guest): void;
  /** Gives a user another name, if it is free, and tells all. */
  abstract rename(guest: Guest, name: string, answer: Answer): void;
  /** Delivers what a user says to all others. */
  abstract say(guest: Guest, text: string, answer: Answer): void;
  /** Delivers what a user says to the user of this name. */
  abstract tell(guest: Guest, name: string, text: string, answer: Answer): void;
  /** The names of all users, in the order in which they came. */
  abstract list(guest: Guest, answer: (problem: string | undefined, names: string[]) => void): void;

  /** Has all leave who are still in, before the program ends. */
  async close(): Promise<void> {}
}

/** A room whose table of users is at hand. */
export abstract class NearRoom extends Room {
  /** Adds a user, under a name that is free. Returns false if the room is full. */
  protected abstract add(guest: Guest): boolean;
  protected abstract remove(guest: Guest): void;
  protected abstract setName(guest: Guest, name: string): void;
  /** All users, in the order in which they came. */
  protected abstract guests(): Iterable<Guest>;

  enter(guest: Guest, answer: Answer): void {
    if (!this.add(guest)) {
      answer('room is full');
      return;
    }
    // The others first: the answer fails if this user has gone again, and then leave() tells them so.
    this.broadcast(lines.joined(guest.name), guest);
    answer();
  }

  leave(guest: Guest): void {
    this.remove(guest);
    this.broadcast(lines.left(guest.name));
  }

  rename(guest: Guest, name: string, answer: Answer): void {
    const owner = this.find(name);
    // To change nothing but the capitals of one's own name is all right.
    if (owner && (owner.name !== guest.name || name === guest.name)) {
      answer(`name taken: ${name}`);
      return;
    }
    const before = guest.name;
    this.setName(guest, name);
    this.broadcast(lines.renamed(name, before));
    answer();
  }

  say(guest: Guest, text: string, answer: Answer): void {
    this.broadcast(lines.said(guest.name, text), guest);
    answer();
  }

  tell(guest: Guest, name: string, text: string, answer: Answer): void {
    const to = this.find(name);
    to?.deliver(Buffer.from(`${lines.told(guest.name, text)}\n`));
    answer(to ? undefined : `no such user: ${name}`);
  }

  list(_guest: Guest, answer: (problem: undefined, names: string[]) => void): void {
    answer(
      undefined,
      Array.from(this.guests(), ({ name }) => name),
    );
  }

  /** The user of this name. Names that differ only in capitals are the same: readers would take one for the other. */
  protected find(name: string): Guest | undefined {
    const wanted = name.toLowerCase();
    for (const guest of this.guests()) if (guest.name.toLowerCase() === wanted) return guest;
    return undefined;
  }

  /** Delivers a line to all users, or to all but one. */
  protected broadcast(line: string, except?: Guest): void {
    const bytes = Buffer.from(`${line}\n`);
    for (const guest of this.guests()) if (guest.name !== except?.name) guest.deliver(bytes);
  }
}

/** A room for users that one thread serves: a plain variable holds them. */
export class LocalRoom extends NearRoom {
  readonly #guests = new Set<Guest>();
  #named = 0;

  withLock(work: () => void): void {
    work(); // There is one thread, and it does not wait: nothing comes between.
  }

  protected add(guest: Guest): boolean {
    do guest.name = `guest${++this.#named}`;
    while (this.find(guest.name));
    this.#guests.add(guest);
    return true;
  }

  protected remove(guest: Guest): void {
    this.#guests.delete(guest);
  }

  protected setName(guest: Guest, name: string): void {
    guest.name = name;
  }

  protected guests(): Iterable<Guest> {
    return this.#guests;
  }
}
