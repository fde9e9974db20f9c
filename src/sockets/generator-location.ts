// Where a generator is suspended. A suspended generator is on no stack, so JavaScript can't tell, but V8 tells a debugger.

import type { Runtime, Session } from 'node:inspector';
import type { Place } from './source-line.ts';

let inspector: Inspector | undefined;

/** The place in its own function where a generator is suspended. During a `yield*`, that is the line of the `yield*`. */
export function locationOf(generator: object): Place | undefined {
  inspector ??= new Inspector();
  return inspector.locationOf(generator);
}

/**
 * A debugger of the thread that it runs in. It never pauses the thread, and carries out each command before post() returns.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/v8/Runtime/
 */
class Inspector {
  readonly #session: Session;
  readonly #files = new Map<string, string>();
  /** Holds the generator that the debugger is to look at. The debugger has found this object as a global variable. */
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
      if (objectId) this.#session.post('Runtime.releaseObject', { objectId }); // Otherwise the debugger keeps it alive.
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
