import { LineProtocol } from './lines.ts';

/** What stands before each `?` comes up; what goes down is sent as it is, because an answer has an end of its own. */
export class QuestionProtocol extends LineProtocol {
  constructor(limit?: number) {
    super(limit, '?');
  }

  override send(answer: Buffer): void {
    this.below.send(answer);
  }

  /** Who asks by hand ends a question by `?` and Enter, and that line break is not the beginning of another question. */
  protected override cutOff(bytes: Buffer): void {
    if (bytes.toString().trim() !== '') this.report('an unfinished question', bytes);
  }
}
