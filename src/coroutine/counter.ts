// How a generator suspends: npx tsx src/coroutine/counter.ts

function* counter(name: string): Generator<number, string, string> {
  for (let i = 1; i <= 2; i++) {
    const answer = yield i; // Here it stops, in the middle of a loop, and `i` stays what it is.
    console.log(`${name} goes on, with ${answer}`);
  }
  return `${name} is done`;
}

const [a, b] = [counter('a'), counter('b')];
console.log('nothing has run yet');
console.log(a.next());
console.log(b.next());
console.log(a.next('tea'));
console.log(b.next('coffee'));
console.log(a.next('cake'));
