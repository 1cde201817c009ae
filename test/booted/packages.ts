// The packages that nodes which boot are given: this checkout's, and the next release, whose table is another one.

import { buildDeb, PACKAGES } from "../../deploy/package/deb.ts";
import { HOST_ARCHITECTURE } from "../../deploy/image/runtime_binary.ts";
import { run } from "../lab/process.ts";
import { install } from "../vm/machine.ts";
import { prepareRoot, SUITES } from "./debian_root.ts";
import { makeOtherBuild } from "../netns/builds.ts";

const NEXT_VERSION = "99.0.0";

/** This checkout's package. */
export const PACKAGE = `${PACKAGES}booted.deb`;
/** The next release's. */
export const NEXT_PACKAGE = `${PACKAGES}booted-next.deb`;

/** Builds both, in a quarter of a minute. */
async function buildPackages(): Promise<void> {
  const { deb } = await buildDeb({ architecture: HOST_ARCHITECTURE });
  await Deno.copyFile(deb, PACKAGE);
  const folder = await Deno.makeTempDir({ prefix: "wigglenet-next-" });
  try {
    await makeOtherBuild(`${folder}/next`, ["deploy", "docs", "LICENSE", "README.md"]);
    const argv = ["run", "--quiet", "--no-lock", "-A", `${folder}/next/deploy/package/deb.ts`];
    await run([Deno.execPath(), ...argv, "--version", NEXT_VERSION], { deadlineMs: 120_000 });
    const built = `${folder}/next/dist/package/wigglenet_${NEXT_VERSION}_${HOST_ARCHITECTURE}.deb`;
    await Deno.copyFile(built, NEXT_PACKAGE);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Gets all ready that nodes which boot are made of; returns why not. */
export async function prepareBooting(): Promise<string | undefined> {
  try {
    await install(["systemd-container"]);
    for (const suite of SUITES) await prepareRoot(suite);
    await buildPackages();
  } catch (error) {
    return (error as Error).message;
  }
}
