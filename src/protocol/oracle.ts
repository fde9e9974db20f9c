import { Protocol } from './chain.ts';

const replies = ['Yes.', 'Very likely.', 'Maybe.', 'Not likely.', 'No.'] as const;

/** Answers each question with the question itself and one of five replies. */
export class OracleProtocol extends Protocol<string> {
  #left: number;
  readonly #random: () => number;

  /**
   * @param maxQuestions after so many questions it closes
   * @param random chooses the reply, as a number from 0 up to but not including 1
   */
  constructor(maxQuestions = Number.POSITIVE_INFINITY, random = Math.random) {
    super();
    this.#left = maxQuestions;
    this.#random = random;
  }

  received(question: string): void {
    const reply = replies[Math.floor(this.#random() * replies.length)];
    this.below.send(`${question.trim()}? ${reply}`);
    if (--this.#left === 0) this.close();
  }

  override tooLong(limit: number): void {
    this.below.send(`Error: question longer than ${limit} bytes.`);
    super.tooLong(limit);
  }
}
