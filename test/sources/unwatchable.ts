// Run by file_source_test.ts in a user namespace of its own: takes inotify away, then changes a file of the folder
// that is its argument. Prints the problem and what was shown before and after.

import { join } from "node:path";
import { FileSource } from "../../src/shell/sources/file_source.ts";
import { manifest, Trial } from "./trial.ts";

const folder = Deno.args[0]!;
Deno.writeTextFileSync("/proc/sys/user/max_inotify_instances", "0");
await using trial = await Trial.start((options) => new FileSource([folder], options));
console.log(trial.source.state().problems.map(({ reason }) => reason).join("\n"));
console.log(trial.shown);
Deno.writeTextFileSync(join(folder, "a.yaml"), manifest("n1", "b"));
// Polling cannot hear the writer close the file, so that a young one would be left alone for seconds.
Deno.utimeSync(join(folder, "a.yaml"), 1e9, 1e9 + 1);
await trial.shows("n1=b");
console.log(trial.shown);
