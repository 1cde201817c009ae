// The verb as shipped: what it says beside the file, which has a private key in it.

import assert from "node:assert/strict";
import decodeQr from "qr/decode.js";
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

const ARGV = [Deno.execPath(), "run", "--cached-only", ...shippedFlags(), MAIN, "export", "laptop"];

/** Has the shell write the file, and returns what the verb said on stderr. */
async function exportInto(file: string, umask: string, nodes: string): Promise<string> {
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", `umask ${umask}; f=$1; shift; exec "$@" > "$f"`, "sh", file, ...ARGV, `--nodes=${nodes}`],
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

const SQUARES = /\[(1;47|40)m( +)/g;
const DOTS = 4;

/** What a camera reads of the code in a terminal's text: two blanks a square, white or black. */
function readCode(shown: string): string {
  const rows = shown.split(/\r?\n/).map((line) =>
    [...line.matchAll(SQUARES)].flatMap(([, colour, blanks]) =>
      Array(blanks!.length / 2).fill(colour === "40")
    )
  ).filter((row) => row.length > 0);
  const [height, width] = [rows.length * DOTS, rows[0]!.length * DOTS];
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rows[Math.floor(y / DOTS)]![Math.floor(x / DOTS)]) {
        data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
      }
    }
  }
  return decodeQr({ width, height, data });
}

Deno.test("On a terminal export shows the file as a QR code, too", async () => {
  const [folder, nodes] = [temporaryFolder(), temporaryFolder()];
  await Deno.writeTextFile(`${nodes}/plan.json`, JSON.stringify(PLAN));
  const quoted = [...ARGV, `--nodes=${nodes}`].map((word) => `'${word}'`).join(" ");
  // With a terminal of its own.
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", `${quoted} > ${folder}/laptop.conf`, "/dev/null"],
    env: { NO_COLOR: "1" },
  }).output();
  const text = await Deno.readTextFile(`${folder}/laptop.conf`);
  assert.match(text, /^PrivateKey = /m);
  assert.equal(readCode(new TextDecoder().decode(stdout)).trimEnd(), text.trimEnd());
});
