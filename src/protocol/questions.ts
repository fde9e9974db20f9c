import { LineProtocol } from './lines.ts';

/** Bytes below, questions above, without their `?`. Answers go down unchanged, because they end in a `.` of their own. */
export class QuestionProtocol extends LineProtocol {
  constructor(limit?: number) {
    super(limit, '?');
  }

  override send(answer: Buffer): void {
    this.below.send(answer);
  }

  /** If you type Enter behind the last `?`, the line break is no unfinished question. */
  protected override cutOff(bytes: Buffer): void {
    if (bytes.toString().trim() !== '') this.report('an unfinished question', bytes);
  }
}
