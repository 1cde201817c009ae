// Where something belongs in a list that is in order.

/** The index of the first item that `isBehind` holds for, which then holds for all after it; the length where there is none. */
export function firstBehind<T>(items: readonly T[], isBehind: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBehind(items[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
