// Sharing work out over a few hands. Pure but for the waiting.

/**
 * Does all that is in the piles, so many things at a time. Each lane has a pile of its own, in turn, and takes from the longest of the
 * others once that is empty: what is of one pile is not all done at once at the end.
 */
export async function shareOut<T>(
  piles: readonly (readonly T[])[],
  { lanes, work }: { readonly lanes: number; readonly work: (item: T) => Promise<void> },
): Promise<void> {
  const left = piles.map((pile) => [...pile]);
  const next = (own: number) =>
    left[own]!.shift() ?? left.reduce((a, b) => b.length > a.length ? b : a).shift();
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    for (let item = next(lane % left.length); item !== undefined; item = next(lane % left.length)) {
      await work(item);
    }
  }));
}
