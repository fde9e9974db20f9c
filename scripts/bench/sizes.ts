// How long what is said is, in bytes, with its \n.

export const MESSAGE = 64;
export const LINE = 32;
