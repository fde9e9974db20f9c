import { closeSync, openSync, readSync, watch } from 'node:fs';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';

/** Reads a trace while the step writes it. */
export class TraceReader {
  readonly #fd: number;
  readonly #piece = Buffer.alloc(64 * 1024);
  /** The beginning of a line whose end is not in the file yet. */
  #rest: Buffer = Buffer.alloc(0);
  readonly #watcher;

  /** @param changed is called when the file has grown. Without it, call read() from time to time */
  constructor(path: string, changed?: () => void) {
    this.#fd = openSync(path, 'r');
    this.#watcher = changed && watch(path, changed);
  }

  /** The events since the last call. */
  *read(): Generator<TraceEvent> {
    for (let count = this.#take(); count > 0; count = this.#take()) {
      const bytes = Buffer.concat([this.#rest, this.#piece.subarray(0, count)]);
      const end = bytes.lastIndexOf('\n') + 1;
      this.#rest = bytes.subarray(end);
      for (const line of bytes.toString('utf8', 0, end).split('\n').slice(0, -1)) yield JSON.parse(line);
    }
  }

  close(): void {
    this.#watcher?.close();
    closeSync(this.#fd);
  }

  #take(): number {
    return readSync(this.#fd, this.#piece);
  }
}
