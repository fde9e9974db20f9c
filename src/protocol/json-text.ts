import { TextProtocol } from './text.ts';

/** JSON below, text above: a string comes up as its text, any other value as its JSON. */
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
