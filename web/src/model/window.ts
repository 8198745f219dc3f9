/**
 * Which rows of a long list are in the document. Rows differ in height: those that have been seen are measured, for the
 * others a usual height is taken.
 */

export interface Window {
  /** The first row, and the one behind the last. */
  readonly start: number;
  readonly end: number;
  /** The heights of all that is above and below, in CSS pixels. */
  readonly above: number;
  readonly below: number;
}

/** Returns where each row begins, and at the end where the last one ends. */
export function offsets(keys: readonly string[], heights: ReadonlyMap<string, number>, usual: number): Float64Array {
  const tops = new Float64Array(keys.length + 1);
  let top = 0;
  for (let index = 0; index < keys.length; index += 1) {
    top += heights.get(keys[index] as string) ?? usual;
    tops[index + 1] = top;
  }
  return tops;
}

/** Returns the rows that are to be in the document, for what is seen between `top` and `bottom` of the list. */
export function windowOf(tops: Float64Array, top: number, bottom: number, margin: number): Window {
  const count = tops.length - 1;
  const total = tops[count] ?? 0;
  if (count <= 0) return { start: 0, end: 0, above: 0, below: 0 };
  const start = Math.max(0, Math.min(rowAt(tops, top) - margin, count - 1));
  const end = Math.min(count, Math.max(start, rowAt(tops, bottom)) + 1 + margin);
  return { start, end, above: tops[start] ?? 0, below: total - (tops[end] ?? total) };
}

/** Returns the row that covers a height: the last one that begins at or before it. */
export function rowAt(tops: Float64Array, height: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] as number) <= height) low = middle;
    else high = middle - 1;
  }
  return low;
}
