// Tests that are about one address family.

import type { Family, World } from "./world.ts";

/** Both, whatever the cluster has. */
export const FAMILIES: readonly Family[] = ["v4", "v6"];

/** A test in a family. In a cluster that has it not the test is ignored, and its name says why. */
export function testIn(
  { families, standing }: World,
  family: Family,
  { name, work }: { readonly name: string; readonly work: () => Promise<void> },
): void {
  if (families.includes(family)) Deno.test(name, work);
  else Deno.test.ignore(`${name} (no pod has ${family} in the shape ${standing.shape})`, work);
}
