import { type Mechanism, mechanisms } from '../sockets/selector.ts';

/** The option of steps that wait with a `Selector`: `--selector epoll|poll`. For {@link readOptions}. */
export const selectorOption = {
  default: mechanisms[0] as Mechanism,
  choices: mechanisms,
  help: 'the call that waits',
};
