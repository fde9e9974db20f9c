// Figures as text, with as many digits as are known. A dash stands for a figure that was not measured.

const NONE = '–';

export function whole(number: number): string {
  return Number.isNaN(number) ? NONE : Math.round(number).toLocaleString('en');
}

/** A ratio: `1.25`, or, if that would be `0.00`, its first digit: `0.002`. */
export function ratio(number: number): string {
  if (Number.isNaN(number)) return NONE;
  return number >= 0.01 ? number.toFixed(2) : number.toPrecision(1);
}

/** Memory in bytes: `431 bytes`, `1.6 KB`, `9.4 MB`. */
export function bytes(number: number): string {
  if (Number.isNaN(number)) return NONE;
  if (Math.abs(number) < 1000) return `${Math.round(number)} bytes`;
  const [size, unit] = number < 1000 * 1024 ? [number / 1024, 'KB'] : [number / 1024 ** 2, 'MB'];
  return `${size < 100 ? size.toFixed(1) : whole(size)} ${unit}`;
}

/** A time in microseconds: `1.4 µs`. */
export function microseconds(number: number): string {
  return `${number.toFixed(1)} µs`;
}

/** A time in milliseconds: `0.3 ms`, `35 ms`, `9.80 s`. */
export function milliseconds(number: number): string {
  if (Number.isNaN(number)) return NONE;
  if (number < 10) return `${number.toFixed(1)} ms`;
  return number < 1000 ? `${Math.round(number)} ms` : `${(number / 1000).toFixed(2)} s`;
}
