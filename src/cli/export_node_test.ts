// The verb as shipped: what it says beside the file, which has a private key in it.

import assert from "node:assert/strict";
import { declared } from "../../test/declared/walk_through.ts";
import { temporaryFolder } from "../../test/sources/temporary_folder.ts";
import { shippedFlags } from "../core/shipped/flags.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const PLAN = declared("WireGuardNetworkPlan", "backbone", {
  nodes: [
    { nodeName: "n1", underlay: { hostname: "192.0.2.1" }, publicKey: `${"A".repeat(42)}E=` },
    { nodeName: "laptop", addresses: [{ family: "inet", local: "10.4.0.9" }] },
  ],
  links: [
    { fromNode: "n1", toNodes: [{ nodeName: "laptop" }] },
    { fromNode: "laptop", toNodes: [{ nodeName: "n1" }] },
  ],
});

/** Has the shell write the file, and returns what the verb said on stderr. */
async function exportInto(file: string, umask: string, nodes: string): Promise<string> {
  const argv = [Deno.execPath(), "run", "--cached-only", ...shippedFlags(), MAIN, "export", "laptop"];
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", `umask ${umask}; f=$1; shift; exec "$@" > "$f"`, "sh", file, ...argv, `--nodes=${nodes}`],
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.equal(code, 0, said);
  assert.match(await Deno.readTextFile(file), /^PrivateKey = /m);
  return said;
}

Deno.test("As shipped export says when others may read the file that the shell has made, and nothing when they may not", async () => {
  const [folder, nodes] = [temporaryFolder(), temporaryFolder()];
  await Deno.writeTextFile(`${nodes}/plan.json`, JSON.stringify(PLAN));
  assert.match(await exportInto(`${folder}/open.conf`, "022", nodes), /others may read that file/);
  assert.doesNotMatch(await exportInto(`${folder}/closed.conf`, "077", nodes), /others may read/);
});
