// Two long lists of which one came from the other by a few changes.

/** How many items two lists share from their beginning, and how many of the others from their end. */
export function equalEnds(a: readonly unknown[], b: readonly unknown[]): { start: number; end: number } {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return { start, end };
}
