// argv -> verb -> exit code. Nothing else happens here.

import { findVerb, usage } from "./src/cli/verbs.ts";
import { UsageError } from "./src/cli/usage_error.ts";

/** Runs one command line; returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  try {
    if (name === undefined) throw new UsageError(`give a verb\n\n${usage()}`);
    if (name === "help" || argv.includes("--help") || argv.includes("-h")) {
      console.log(usage());
      return 0;
    }
    return await findVerb(name).run(args);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    console.error(`wigglenet: ${error instanceof Error ? error.message : error}`);
    if (!isUsage && Deno.env.get("LOG_LEVEL") === "debug") console.error(error);
    return isUsage ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
