// Where a generator is suspended. It is on no stack then, so JavaScript can't tell; but V8 tells a debugger.

import type { Runtime, Session } from 'node:inspector';
import type { Place } from './source-line.ts';

let inspector: Inspector | undefined;

/** Where a generator is suspended: in its own function, even while it waits in a `yield*`. */
export function locationOf(generator: object): Place | undefined {
  inspector ??= new Inspector();
  return inspector.locationOf(generator);
}

/**
 * A debugger in this thread itself, which does not stop: it carries out each command before post() returns.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/v8/Runtime/
 */
class Inspector {
  readonly #session: Session;
  readonly #files = new Map<string, string>();
  /** The debugger looks into this object, which it has found as a global variable. */
  readonly #window: { generator?: object } = {};
  #windowId = '';

  constructor() {
    const { Session } = process.getBuiltinModule('node:inspector');
    this.#session = new Session();
    this.#session.on('Debugger.scriptParsed', ({ params }) => this.#files.set(params.scriptId, params.url));
    this.#session.connect();
    this.#session.post('Debugger.enable');
    const name = '__generatorLocation';
    Object.assign(globalThis, { [name]: this.#window });
    this.#session.post('Runtime.evaluate', { expression: name }, (_, { result }) => {
      this.#windowId = result.objectId ?? '';
    });
    Reflect.deleteProperty(globalThis, name);
  }

  locationOf(generator: object): Place | undefined {
    this.#window.generator = generator;
    const seen = this.#propertiesOf(this.#windowId).get('generator');
    const properties = this.#propertiesOf(seen?.objectId);
    const location = properties.get('[[GeneratorLocation]]')?.value;
    for (const { objectId } of [...(seen ? [seen] : []), ...properties.values()]) {
      if (objectId) this.#session.post('Runtime.releaseObject', { objectId }); // or the debugger would keep it
    }
    const file = this.#files.get(location?.scriptId);
    return file ? { file, line: location.lineNumber + 1, column: location.columnNumber + 1 } : undefined;
  }

  #propertiesOf(objectId = ''): Map<string, Runtime.RemoteObject> {
    const found = new Map<string, Runtime.RemoteObject>();
    this.#session.post('Runtime.getProperties', { objectId, ownProperties: true }, (error, properties) => {
      if (error) return;
      const { result, internalProperties = [] } = properties;
      for (const { name, value } of [...result, ...internalProperties]) if (value) found.set(name, value);
    });
    return found;
  }
}
