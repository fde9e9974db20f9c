import type { Layer } from './chain.ts';
import { basicCommands, CommandProtocol } from './commands.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Answer, Guest, Room } from './room.ts';
import { visible } from './visible.ts';

export { LocalRoom } from './room.ts';

/** The link under a chat, which finds the end of each message. */
export type Framing = Layer<Buffer, Buffer> & {
  /** The number of the message that has begun and not ended, undefined if there is none. */
  readonly begun: number | undefined;
  /** Sends a line that has its `\n` already: see {@link Guest.deliver}. */
  deliver(line: Buffer): void;
};

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
  /** Whether the room has yet to answer. Until `answered` is called, deliver no command to this protocol. */
  waits = false;
  readonly #room: Room;
  readonly #answered: () => void;
  #inside = false;

  /** @param answered is called when a room that answers later has answered */
  constructor(room: Room, deliver: (line: Buffer) => void, answered = (): void => {}) {
    super();
    this.#room = room;
    this.deliver = deliver;
    this.#answered = answered;
  }

  override get commands(): { names: string[] } {
    return commands;
  }

  /** Adds the user to the room. If the room is full, tells the user, and closes. */
  enter(): void {
    this.#room.withLock(() => {
      this.#inside = true;
      this.#ask(
        (answer) => this.#room.enter(this, answer),
        (problem) => {
          this.#inside = problem === undefined;
          this.send(problem === undefined ? `* welcome, ${this.name}` : `ERROR ${problem}`);
          if (!this.#inside) this.close();
        },
      );
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
    if (name === '') this.send('ERROR missing name');
    else if (!/^[A-Za-z0-9_-]{1,16}$/.test(name)) this.send(`ERROR bad name: ${visible(name)}`);
    else this.#ask((answer) => this.#room.rename(this, name, answer));
  }

  say(text: string): void {
    if (text.trim() === '') this.send('ERROR missing text');
    else this.#ask((answer) => this.#room.say(this, visible(text), answer));
  }

  message(argument: string): void {
    const [, name = '', text = ''] = /^(\S*)\s?(.*)$/s.exec(argument) ?? [];
    if (name === '') this.send('ERROR missing name');
    else if (text.trim() === '') this.send('ERROR missing text');
    else this.#ask((answer) => this.#room.tell(this, visible(name), visible(text), answer));
  }

  who(): void {
    this.#ask((answer) =>
      this.#room.list(this, (problem, names) => {
        if (problem === undefined) this.send(['WHO', ...names].join(' '));
        answer(problem);
      }),
    );
  }

  /** Asks the room to do something. If it does not, tells the user why, unless `tell` does something else. */
  #ask(
    ask: (answer: Answer) => void,
    tell: Answer = (problem) => {
      if (problem !== undefined) this.send(`ERROR ${problem}`);
    },
  ): void {
    let late = false;
    this.waits = true;
    ask((problem) => {
      this.waits = false;
      tell(problem);
      if (late) this.#answered();
    });
    late = true;
  }

  #leave(): void {
    if (!this.#inside) return;
    this.#inside = false;
    this.#room.leave(this);
  }
}
