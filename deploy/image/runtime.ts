// How the program is started in the image. There is no shell, so the launcher is a script of the runtime itself: the
// kernel hands it one flag, `-qP`: quiet, and the permissions of the deno.json beside it, which are those of
// src/core/shipped and nothing else. All other flags are the image's environment.

import { ALLOCATOR, shippedFlags, V8_FLAGS } from "../../src/core/shipped/flags.ts";

/** Where the program stands. */
export const HOME = "/opt/wigglenet";
/** What starts it, for the container runtime and for `kubectl exec` alike. */
export const ENTRYPOINT: readonly string[] = [`${HOME}/wigglenet`];
/** The runtime. */
export const RUNTIME = "/usr/bin/deno";

/** A permission set of deno.json: everything of a kind, or what is listed. */
type PermissionSet = Record<string, true | readonly string[]>;

/** deno.json for the flags of `deno run`. Throws Error for one that it cannot hold. */
export function runtimeConfig(flags: readonly string[] = shippedFlags()): string {
  const permissions: PermissionSet = {};
  const unstable: string[] = [];
  for (const flag of flags) {
    const [, kind, list] = /^--allow-([a-z]+)(?:=(.*))?$/.exec(flag) ?? [];
    const feature = /^--unstable-(.+)$/.exec(flag)?.[1];
    if (kind !== undefined) permissions[kind] = list === undefined ? true : list.split(",");
    else if (feature !== undefined) unstable.push(feature);
    else if (flag !== "--no-prompt" && !flag.startsWith("--v8-flags=")) {
      throw new Error(`${flag} of src/core/shipped has no place in the image: see deploy/image/runtime.ts`);
    }
  }
  const config = { lock: false, nodeModulesDir: "none", unstable, permissions: { default: permissions } };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** What the kernel starts: it runs the bundle beside it. */
export const LAUNCHER = `#!${RUNTIME} -qP
import { main } from "./wigglenet.js";
Deno.exit(await main(Deno.args));
`;

/** The image's environment. A compiled program has its flags inside. */
export function environment({ isCompiled }: { readonly isCompiled: boolean }): Record<string, string> {
  return {
    // Its own folder first, so that `kubectl exec ... -- wigglenet status` finds it.
    PATH: `${HOME}:/usr/sbin:/usr/bin:/sbin:/bin`,
    ...ALLOCATOR,
    ...(isCompiled ? {} : {
      DENO_DIR: `${HOME}/cache`,
      DENO_NO_PROMPT: "1",
      DENO_NO_UPDATE_CHECK: "1",
      DENO_V8_FLAGS: V8_FLAGS.join(","),
    }),
  };
}
