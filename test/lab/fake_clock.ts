// A clock that is wrong for one program, by libfaketime.

import { FAKETIME_FOLDERS } from "../prepare.ts";

/**
 * The environment of a program whose clock is off, by so much or as a file says that may change. What nobody sets goes right: the
 * monotonic clock, and the times of files.
 */
export async function fakeClock(
  how: { readonly FAKETIME: string } | { readonly FAKETIME_TIMESTAMP_FILE: string },
): Promise<Record<string, string>> {
  for (const folder of FAKETIME_FOLDERS) {
    const library = `${folder}/libfaketime.so.1`;
    if (!await Deno.stat(library).then(() => true, () => false)) continue;
    return {
      LD_PRELOAD: library,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
      ...how,
    };
  }
  throw new Error("libfaketime is missing: apt-get install libfaketime");
}
