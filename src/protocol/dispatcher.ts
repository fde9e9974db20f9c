/** A command comes from a caller, which can be sent a line. */
export type Caller = { send(line: string): void };

/** What a command does, with the text behind its name: answers, or acts on the one who gave it. */
export type Command<From extends Caller> = (caller: From, text: string) => void;

/**
 * Finds the command that a line names, whatever its case, in a table of all there are. A word that is not in
 * the table is answered with `ERROR unknown command: WORD`, be it `constructor` or `__proto__`.
 */
export class Dispatcher<From extends Caller> {
  // A Map holds what was put in, and nothing else. An object would inherit a dozen names.
  readonly #commands: ReadonlyMap<string, Command<From>>;

  /** @param commands by their names, in capitals */
  constructor(commands: Iterable<readonly [name: string, command: Command<From>]>) {
    this.#commands = new Map(commands);
  }

  /** The names of all commands, in the order of the table. */
  get names(): string[] {
    return [...this.#commands.keys()];
  }

  /** Carries out one line: a word, and after a space the text. An empty line is ignored, and so is a `\r` at its end. */
  dispatch(caller: From, line: string): void {
    const [, word = '', text = ''] = /^\s*(\S+) ?(.*)/s.exec(line.replace(/\r$/, '')) ?? [];
    if (word === '') return;
    const command = this.#commands.get(word.toUpperCase());
    if (command) command(caller, text);
    else caller.send(`ERROR unknown command: ${word}`);
  }
}
