// All that an agent may load, loaded: what the runtime compiles then it keeps in its cache, while that may be written.

import { follow, run } from "./command.ts";

/** What loads more of the runtime's own modules, whose code is kept as well. Fails where a program is not there. */
async function startPrograms(): Promise<void> {
  await run({ program: "ip", args: ["-V"] });
  await follow({ program: "ip", args: ["-V"] }, () => {}).ended;
}

/** One after the other: beside each other their compiled code would not be the same bytes each time (V8 15.0, 2026-11-22). */
export async function loadAll(): Promise<void> {
  await import("node:util");
  await import("node:dns/promises");
  await import("./metrics/registry.ts");
  await import("./metrics/tls_files.ts");
  await import("./metrics/kept_server.ts");
  await (await import("./sources/kubernetes/kubeconfig.ts")).importQuietly();
  await import("@marcbachmann/cel-js");
  await (await fetch("data:,")).text(); // classes of streams and bodies, also where no program can be started
  await startPrograms().catch(() => {});
}
