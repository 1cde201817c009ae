// Which of many are refused, by asking for some of them together.

/**
 * Those of the items that are refused, by as few questions as there can be: all at once, then halves.
 * @param isAccepted asked of some items together
 */
export async function findRefused<T>(
  items: readonly T[],
  isAccepted: (some: readonly T[]) => Promise<boolean>,
): Promise<T[]> {
  if (items.length === 0 || await isAccepted(items)) return [];
  if (items.length === 1) return [...items];
  const middle = items.length >> 1;
  return [
    ...await findRefused(items.slice(0, middle), isAccepted),
    ...await findRefused(items.slice(middle), isAccepted),
  ];
}
