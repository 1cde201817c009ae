// docs/transports: what each page tells to type for n1 is what the agent makes there, and `cleanup` leaves nothing of it. n1 is real,
// n2 and n3 are said to exist. The rules of the table are not typed: `wigglenet render` prints them; what is in its sets is.

import assert from "node:assert/strict";
import { HAS_BRIDGE_META, HAS_GRE, HAS_KERNEL_WIREGUARD, HAS_XFRM } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { type Manifest, manifestOf } from "../lab/manifest.ts";
import type { Node, Settings } from "../lab/node.ts";
import { run } from "../lab/process.ts";
import { KEYS, PRIVATE_KEY } from "./scenarios.ts";
import { differences, readState } from "./state.ts";
import { saying } from "./transports.ts";

const FOLDER = new URL("../../docs/transports/", import.meta.url);
const MARKED = /<!-- commands ([A-Z0-9_=a-z ]+) -->\s*```sh\n([^]*?)```/;
/** What comes to that where a node is behind a NAT. */
const BESIDES = /<!-- commands where (\S+) is at (\S+) -->\s*```sh\n([^]*?)```/;
const OVERLAYS = ["wigglenet-vx", "wigglenet-gre", "wigglenet-ipsec", "wigglenet-udp", "wigglenet-br"];
/** Of nodes that are said to exist; read with `ipsec` alone. */
const NONCE = { "wigglenet/ipsec-nonce": `${"A".repeat(43)}=`, "wigglenet/ipsec-udp-port": "24606" };
const publicKeys = [(await run(["wg", "pubkey"], { stdin: PRIVATE_KEY })).trim(), ...KEYS];

interface Page {
  readonly settings: Settings;
  readonly commands: readonly string[];
  /** By name. */
  readonly endpoints: Readonly<Record<string, string>>;
}

function linesOf(commands: string): string[] {
  return commands.trim().split("\n");
}

/** The page, and once more with what it says of a node behind a NAT. */
function pagesIn(text: string): Page[] {
  const page = pageIn(text);
  const [, name, endpoint, besides] = BESIDES.exec(text) ?? [];
  if (page === undefined || besides === undefined) return page === undefined ? [] : [page];
  const commands = [...page.commands, ...linesOf(besides)];
  return [page, { ...page, commands, endpoints: { [name!]: endpoint! } }];
}

function pageIn(text: string): Page | undefined {
  const [, settings = "", commands = ""] = MARKED.exec(text) ?? [];
  if (commands === "") return undefined;
  const pairs = settings.split(" ").map((pair) => pair.split("=") as [string, string]);
  return {
    settings: Object.fromEntries(
      pairs.map(([env, value]) => [env.toLowerCase().replaceAll("_", "-"), value]),
    ),
    commands: linesOf(commands),
    endpoints: {},
  };
}

function manifest(i: number, { settings, endpoints }: Page): Manifest {
  const transports = [4, 6].map((family) => `ipv${family}=${settings[`transport-ipv${family}`]}`).join(",");
  const plain = manifestOf(i);
  const { [plain.metadata.name]: endpoint } = endpoints;
  const annotations = {
    "wigglenet/public-key": publicKeys[i - 1]!,
    ...NONCE,
    ...(endpoint && { "wigglenet/endpoint": endpoint }),
  };
  const keyed = { ...plain.metadata, annotations };
  const said = { ...plain, metadata: keyed };
  return /direct|vxlan|gre|ipsec/.test(transports) ? saying(said, transports) : said;
}

/** All that is ours, without what changes with each interface that is made. */
async function stateOf(node: Node): Promise<string> {
  const overlays = await Promise.all(OVERLAYS.map(async (dev) => {
    const { stdout } = await node.attempt(["ip", "-d", "address", "show", "dev", dev, "scope", "global"]);
    // Whether a port has come to a bridge the kernel says up to a second later.
    return stdout.replace(/^\d+: /, "").replaceAll(/_timer +[\d.]+|NO-CARRIER,|state \w+ /g, "");
  }));
  // Associations are nothing to be typed: their keys are others each time.
  const { stdout: policies } = await node.attempt(["ip", "xfrm", "policy", "list"]);
  const sorted = policies.split(/\n(?=\S)/).map((policy) => policy.trimEnd()).sort().join("\n");
  return `${await readState(node, ["table", "link", "routes", "wireguard"])}\n${overlays.join("")}${sorted}`;
}

/** The tables as they stand, their sets empty. */
async function emptyTables(node: Node): Promise<string> {
  const listed = await node.run(["nft", "list", "table", "inet", "wigglenet"]);
  const { stdout: ofBridge } = await node.attempt(["nft", "list", "table", "bridge", "wigglenet"]);
  return (listed + ofBridge).replaceAll(/\s*elements = \{[^}]*\}/g, "").replaceAll(
    /counter packets \d+ bytes \d+/g,
    "counter",
  );
}

/** As it is typed on a host as shipped; a kernel without WireGuard has a program in its place. */
function typed(command: string, node: Node): string[] {
  const words = command.replace("/etc/wigglenet/private.key", `${node.folder}/private.key`).split(" ");
  const isLink = /^ip link add dev wigglenet type wireguard$/.test(command);
  return isLink && !HAS_KERNEL_WIREGUARD ? ["wireguard-go", "wigglenet"] : words;
}

/** Rules and routes by which ESP goes in UDP. */
async function routingOf(node: Node): Promise<string> {
  const told = await Promise.all([4, 6].map(async (family) => [
    await node.run(["ip", `-${family}`, "rule", "show"]),
    (await node.attempt(["ip", `-${family}`, "route", "show", "table", "146"])).stdout,
  ]));
  return told.flat().join("");
}

const pages = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort().map((name) =>
  [name, pagesIn(Deno.readTextFileSync(new URL(name, FOLDER)))] as const
);
for (const [name, versions] of pages) {
  Deno.test(`${name}: it has a block of commands`, () => assert.ok(versions.length > 0));
  // Where the kernel has none of it, a page is typed in the virtual machine alone.
  const ignore = name === "ipsec.md" && !HAS_XFRM || name === "gre.md" && !HAS_GRE ||
    name === "bridge.md" && !HAS_BRIDGE_META;
  for (const page of versions) {
    const { settings, commands, endpoints } = page;
    const where = Object.keys(endpoints).map((name) => `, where ${name} is behind a NAT`).join("");
    Deno.test(
      `${name}${where}: cleanup leaves nothing, and what the page tells to type is what the agent had made`,
      {
        ignore,
      },
      async () => {
        const lab = await Lab.create({ nodes: 1 });
        await using _ = lab;
        const [node] = lab.nodes as [Node];
        await Deno.writeTextFile(`${node.folder}/private.key`, PRIVATE_KEY);
        const before = await routingOf(node);
        for (const i of [1, 2, 3]) await lab.publish(manifest(i, page));
        node.startAgent({ settings });
        await node.inSync();
        const [made, table, routing] = [await stateOf(node), await emptyTables(node), await routingOf(node)];
        await node.agent!.kill("SIGTERM");
        const { code, stdout, stderr } = await node.runAgent({ verb: "cleanup", settings });
        assert.equal(code, 0, stdout + stderr);
        const nothing = JSON.stringify({ table: null, link: null, routes: [], wireguard: null }, null, 1);
        assert.equal(await stateOf(node), `${nothing}\n`);
        assert.equal(await routingOf(node), before);
        await node.run(["nft", "-f", "-"], { stdin: table });
        for (const command of commands) await node.run(typed(command, node));
        assert.equal(differences(made, await stateOf(node)), "");
        assert.equal(await routingOf(node), routing);
      },
    );
  }
}
