// `deno task soak [--minutes N] [--seed N]`: see soak_run.ts.

import { parseArgs } from "node:util";
import { runAlone } from "./alone.ts";
import { soak } from "./soak_run.ts";

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
  },
});

await runAlone({
  url: import.meta.url,
  measure: () => soak({ durationMs: Number(options.minutes) * 60_000, seed: Number(options.seed) }),
});
