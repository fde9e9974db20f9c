import { Protocol } from './chain.ts';
import { Dispatcher } from './dispatcher.ts';

const commands = new Dispatcher<CommandProtocol>([
  ['ECHO', (user, text) => user.send(text)],
  ['TIME', (user) => user.send(new Date().toISOString())],
  ['HELP', (user) => user.send(commands.names.join(' '))],
  ['QUIT', (user) => user.quit()],
]);

/** The commands `ECHO text`, `TIME`, `HELP` and `QUIT`, one a message. */
export class CommandProtocol extends Protocol<string> {
  received(line: string): void {
    commands.dispatch(this, line);
  }

  send(line: string): void {
    this.below.send(line);
  }

  quit(): void {
    this.send('BYE');
    this.close();
  }
}
