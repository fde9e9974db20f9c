/** FIB 40 takes a second or more. Each number after it takes half as long again as the one before. */
const MOST = 40;

/** The answer to `FIB text`: a Fibonacci number. On purpose, it computes for long, and never waits. */
export function answerFib(text: string): string {
  if (!/^\d+$/.test(text) || Number(text) > MOST) return `ERROR bad number: ${text} (0 to ${MOST})`;
  return `${fib(Number(text))}`;
}

/** By the definition, the slowest way: fib(32) calls itself seven million times. */
function fib(n: number): number {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
