import { closeSync, openSync } from 'node:fs';

/** How many descriptors have to be free to start a thread. It opens four, and other threads may accept clients meanwhile. */
const SPARE_DESCRIPTORS = 128;
/** How many bytes have to be free to start a thread. It takes about 10 MB. (On macOS, Node leaves out memory that macOS could free.) */
const SPARE_MEMORY = 64 * 1024 * 1024;
const onLinux = process.platform === 'linux';

/**
 * Call this before you start a thread: Node dies if a thread finds no descriptor for itself.
 *
 * @throws Error if there are no descriptors, or no memory, for one more thread
 */
export function checkRoom(): void {
  const spare: number[] = [];
  try {
    while (spare.length < SPARE_DESCRIPTORS) spare.push(openSync('/dev/null', 'r'));
  } catch (error) {
    throw new Error(`no descriptors for one more thread: ${(error as NodeJS.ErrnoException).code}`);
  } finally {
    for (const fd of spare) closeSync(fd);
  }
  if (onLinux && process.availableMemory() < SPARE_MEMORY) throw new Error('no memory for one more thread');
}
