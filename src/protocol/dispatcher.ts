/** The client that has sent a command. You can send it a line. */
export type Caller<Result = void> = { send(line: string): Result };

/**
 * A command. It takes the text behind its name, and answers the caller, or acts on it. If commands and `send()` are
 * coroutines, `Result` is a coroutine, and you run what `dispatch()` returns.
 */
export type Command<From extends Caller<Result>, Result = void> = (caller: From, text: string) => Result;

/**
 * Finds the command that a line names, in any case, in a table. It answers a word that is not in the table, such as
 * `constructor` or `__proto__`, with `ERROR unknown command: WORD`.
 */
export class Dispatcher<From extends Caller<Result>, Result = void> {
  // A Map holds only what was put in. An object inherits a dozen names.
  readonly #commands: ReadonlyMap<string, Command<From, Result>>;

  /** @param commands by their names, in capitals */
  constructor(commands: Iterable<readonly [name: string, command: Command<From, Result>]>) {
    this.#commands = new Map(commands);
  }

  /** The names of all commands, in the order of the table. */
  get names(): string[] {
    return [...this.#commands.keys()];
  }

  /**
   * Runs the command of one line: a word, and after a space the text. Ignores an empty line, and a `\r` at the end.
   *
   * @returns what the command returns; undefined for an empty line
   */
  dispatch(caller: From, line: string): Result | undefined {
    const [, word = '', text = ''] = /^\s*(\S+) ?(.*)/s.exec(line.replace(/\r$/, '')) ?? [];
    if (word === '') return undefined;
    const command = this.#commands.get(word.toUpperCase());
    return command ? command(caller, text) : caller.send(`ERROR unknown command: ${word}`);
  }
}
