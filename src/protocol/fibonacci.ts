/** FIB 40 takes a second or several, and each number more half as much again. */
const MOST = 40;

/** The answer to `FIB text`: a Fibonacci number. It takes long on purpose, and waits for nothing. */
export function answerFib(text: string): string {
  if (!/^\d+$/.test(text) || Number(text) > MOST) return `ERROR bad number: ${text} (0 to ${MOST})`;
  return `${fib(Number(text))}`;
}

/** By the definition, which is the slowest way: fib(32) calls itself seven million times. */
function fib(n: number): number {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
