// The room of a chat: its users, and how a line of one user reaches the others.

/** A user in a room. */
export type Guest = {
  name: string;
  /** Sends a line to this user, with the `\n` at its end. A broadcast hands the same bytes to all users. */
  deliver(line: Buffer): void;
};

/** The lines that a chat sends, by what the user of this name has done. */
export const lines = {
  joined: (name: string) => `* ${name} joined`,
  left: (name: string) => `* ${name} left`,
  renamed: (name: string, before: string) => `* ${before} is now ${name}`,
  said: (name: string, text: string) => `<${name}> ${text}`,
  told: (name: string, text: string) => `-${name}- ${text}`,
};

/** Called when a room has done what it was asked to do, or, with the reason, when it can't. */
export type Answer = (problem?: string) => void;

/**
 * The room of a chat, as the connection of a user sees it. A room on another machine answers later. A room in this process
 * answers before the call returns, which a promise could not do.
 */
export abstract class Room {
  /** Runs this while no other user sends or changes anything. Don't nest it. */
  abstract withLock(work: () => void): void;
  /** Adds a user under a free name, `guest1`, and tells the others. */
  abstract enter(guest: Guest, answer: Answer): void;
  /** Removes a user, and tells the others. */
  abstract leave(guest: Guest): void;
  /** Gives a user another name, if that is free, and tells all users. */
  abstract rename(guest: Guest, name: string, answer: Answer): void;
  /** Delivers a line of this user to all others. */
  abstract say(guest: Guest, text: string, answer: Answer): void;
  /** Delivers a line of this user to the user of this name. */
  abstract tell(guest: Guest, name: string, text: string, answer: Answer): void;
  /** The names of all users, in the order in which they joined. */
  abstract list(guest: Guest, answer: (problem: string | undefined, names: string[]) => void): void;

  /** Removes all users, before the program ends. */
  async close(): Promise<void> {}
}

/** A room in this process, or in memory that its threads share. */
export abstract class NearRoom extends Room {
  /** Adds a user under a free name. Returns false if the room is full. */
  protected abstract add(guest: Guest): boolean;
  protected abstract remove(guest: Guest): void;
  protected abstract setName(guest: Guest, name: string): void;
  /** All users, in the order in which they joined. */
  protected abstract guests(): Iterable<Guest>;

  enter(guest: Guest, answer: Answer): void {
    if (!this.add(guest)) {
      answer('room is full');
      return;
    }
    // First tell the others. The answer fails if this user has disconnected, and then leave() tells them that, too.
    this.broadcast(lines.joined(guest.name), guest);
    answer();
  }

  leave(guest: Guest): void {
    this.remove(guest);
    this.broadcast(lines.left(guest.name));
  }

  rename(guest: Guest, name: string, answer: Answer): void {
    const owner = this.find(name);
    // You may change the capitals of your own name.
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

  /** The user of this name. Names that differ only in capitals count as the same, because people confuse them. */
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

/** A room for users that one thread serves. A plain variable holds them. */
export class LocalRoom extends NearRoom {
  readonly #guests = new Set<Guest>();
  #named = 0;

  withLock(work: () => void): void {
    work(); // The one thread does not wait in here, so no other user's line comes between.
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
