import { Ring } from './ring.ts';

/** Why there is no io_uring here, in one line. Undefined if there is one. */
export const noRing = (() => {
  try {
    new Ring(1);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();
