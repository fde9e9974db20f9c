import { TextProtocol } from './text.ts';

/** JSON below, text above: a string is that text. Any other value comes up as it stands. */
export class JsonTextProtocol extends TextProtocol {
  override received(bytes: Buffer): void {
    this.above.received(textOf(bytes.toString()));
  }

  override send(text: string): void {
    super.send(JSON.stringify(text));
  }
}

function textOf(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : json;
  } catch {
    return json;
  }
}
