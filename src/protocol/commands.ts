import { Protocol } from './chain.ts';
import { type Command, Dispatcher } from './dispatcher.ts';

/** The commands of every server that takes commands. */
export const basicCommands: readonly (readonly [name: string, command: Command<CommandProtocol>])[] = [
  ['ECHO', (user, text) => user.send(text)],
  ['TIME', (user) => user.send(new Date().toISOString())],
  ['HELP', (user) => user.send(user.commands.names.join(' '))],
  ['QUIT', (user) => user.quit()],
];

const commands = new Dispatcher(basicCommands);

/** Answers the commands `ECHO text`, `TIME`, `HELP` and `QUIT`, one a message. */
export class CommandProtocol extends Protocol<string> {
  /** The commands that this protocol knows. A subclass may know others. */
  get commands(): { names: string[] } {
    return commands;
  }

  received(line: string): void {
    commands.dispatch(this, line);
  }

  override tooLong(limit: number): void {
    this.send(`ERROR message longer than ${limit} bytes`);
    super.tooLong(limit);
  }

  send(line: string): void {
    this.below.send(line);
  }

  quit(): void {
    this.send('BYE');
    this.close();
  }
}
