/** A command comes from a caller, which can be sent a line. */
export type Caller<Result = void> = { send(line: string): Result };

/**
 * What a command does, with the text behind its name: answers, or acts on the one who gave it. Where commands are coroutines,
 * and so is `send()`, the `Result` is one: the caller of `dispatch()` runs it.
 */
export type Command<From extends Caller<Result>, Result = void> = (caller: From, text: string) => Result;

/**
 * Finds the command that a line names, whatever its case, in a table of all there are. A word that is not in
 * the table is answered with `ERROR unknown command: WORD`, be it `constructor` or `__proto__`.
 */
export class Dispatcher<From extends Caller<Result>, Result = void> {
  // A Map holds what was put in, and nothing else. An object would inherit a dozen names.
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
   * Carries out one line: a word, and after a space the text. An empty line is ignored, and so is a `\r` at its end.
   *
   * @returns what the command returns, undefined for an empty line
   */
  dispatch(caller: From, line: string): Result | undefined {
    const [, word = '', text = ''] = /^\s*(\S+) ?(.*)/s.exec(line.replace(/\r$/, '')) ?? [];
    if (word === '') return undefined;
    const command = this.#commands.get(word.toUpperCase());
    return command ? command(caller, text) : caller.send(`ERROR unknown command: ${word}`);
  }
}
