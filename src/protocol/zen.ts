import { Protocol } from './chain.ts';

/** From the Zen of Python, by Tim Peters: `python3 -m this`. */
const aphorisms = new Map([
  ['Beautiful is better than', 'Ugly.'],
  ['Explicit is better than', 'Implicit.'],
  ['Simple is better than', 'Complex.'],
]);

/** Answers three questions. White space around a question does not matter. */
export class ZenProtocol extends Protocol<string> {
  received(question: string): void {
    this.below.send(aphorisms.get(question.trim()) ?? 'Error: unknown aphorism.');
  }

  override tooLong(limit: number): void {
    this.below.send(`Error: question longer than ${limit} bytes.`);
    super.tooLong(limit);
  }
}
