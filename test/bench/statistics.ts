// Median and quantiles, and how far the median can be trusted. Pure.

/** A range that holds the true median with a probability of at least 95 %. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = inOrder(values);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The smallest value that at least this share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  return inOrder(values)[Math.max(0, Math.ceil(share * values.length) - 1)]!;
}

/**
 * The 95 % interval of the median by order statistics: how many of n independent values lie below it is a binomial
 * number, whatever they are distributed like. Needs six values; with fewer it is all of them.
 */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = inOrder(values);
  const cut = valuesOutside(sorted.length);
  return { low: sorted[cut]!, high: sorted[sorted.length - 1 - cut]! };
}

/** How many values may be left out at each end. */
function valuesOutside(count: number): number {
  // Of many the binomial is a normal distribution; of more than 1,074 its first term is less than a number can say.
  if (count > 1_000) return Math.floor((count - 1.96 * Math.sqrt(count)) / 2) - 1;
  let chance = 0.5 ** count;
  let atMost = 0;
  for (let below = 0;; below++) {
    atMost += chance;
    if (atMost > 0.025) return Math.max(0, below - 1);
    chance *= (count - below) / (below + 1);
  }
}

function inOrder(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("There are no values");
  return [...values].sort((a, b) => a - b);
}

/** By how much y grows with each x: the line that fits the points best (least squares); 0 of fewer than two. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (i: 0 | 1) => points.reduce((sum, point) => sum + point[i], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return spread > 0 ? points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread : 0;
}
