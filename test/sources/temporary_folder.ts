// Folders for one test file, removed after its tests.

import { join } from "node:path";

let parent: string | undefined;
let made = 0;

Deno.test.afterAll(() => {
  if (parent !== undefined) Deno.removeSync(parent, { recursive: true });
});

/** A new empty folder. */
export function temporaryFolder(): string {
  parent ??= Deno.makeTempDirSync();
  const folder = join(parent, `${made++}`);
  Deno.mkdirSync(folder);
  return folder;
}
