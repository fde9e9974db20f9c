/** How many elements arrays move while this runs, because others in front of them are removed. */
export function moved(work: () => void): number {
  const { shift, splice } = Array.prototype;
  let count = 0;
  Array.prototype.shift = function (): unknown {
    count += this.length;
    return shift.call(this);
  };
  Array.prototype.splice = function (start: number, ...rest: unknown[]): unknown[] {
    const removed = splice.apply(this, [start, ...rest] as [number, number]);
    if (removed.length > 0) count += this.length - start;
    return removed;
  };
  try {
    work();
  } finally {
    Object.assign(Array.prototype, { shift, splice });
  }
  return count;
}
