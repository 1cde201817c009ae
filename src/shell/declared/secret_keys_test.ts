import assert from "node:assert/strict";
import type { Wanted } from "../../core/declared/want/want_interfaces.ts";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { until } from "../../../test/lab/until.ts";
import { makeKey } from "../key_file.ts";
import type { Reply } from "../sources/kubernetes/api_client.ts";
import { secretFolder, SecretKeys } from "./secret_keys.ts";

/** Interfaces of which each has its key in a Secret. */
function wanting(...names: readonly string[]): Wanted {
  return wantingOf("WireGuardInterface", names);
}

function wantingOf(kind: "WireGuardInterface" | "WireGuardNetworkPlan", names: readonly string[]): Wanted {
  const interfaces = names.map((name) => ({
    name,
    owner: { kind, name },
    alias: name,
    mtuBytes: undefined,
    isUp: true,
    addresses: [],
    link: {
      kind: "wireguard",
      listenPort: undefined,
      keyName: name,
      secret: `${name}/key`,
      peers: [],
    } as const,
  }));
  return { interfaces, rejected: [], refused: [] };
}

/** An API that has these Secrets, and counts who asks. */
class Api {
  readonly secrets = new Map<string, string>();
  readonly asked: string[] = [];
  status = 200;

  request({ path }: { path: string }): Promise<Reply> {
    const name = path.split("/").at(-1)!;
    this.asked.push(name);
    const text = this.secrets.get(name);
    const status = this.status !== 200 ? this.status : text === undefined ? 404 : 200;
    const body = text === undefined ? {} : { data: { key: btoa(text) } };
    return Promise.resolve({ status, body } as Reply);
  }
}

interface Look {
  readonly keys: SecretKeys;
  readonly api: Api;
  readonly names: readonly string[];
}

const TURNS = 2_000;

/** Who is asked for by a look at that time of a clock that stands, until a Secret of no other look is known: then all of it is done. */
async function askedAt(afterMs: number, { keys, api, names }: Look): Promise<string[]> {
  const real = performance.now;
  performance.now = () => 1_000 + afterMs;
  const probe = `probe-${afterMs}`;
  try {
    for (let i = 0; i < TURNS && !keys.known.has(`${probe}/key`); i++) {
      keys.want(wanting(...names, probe));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    performance.now = real;
  }
  return api.asked.splice(0).filter((name) => !name.startsWith("probe"));
}

function openKeys(api: Api, nodes = 1): { keys: SecretKeys; folder: string; told: () => number } {
  const folder = temporaryFolder();
  let count = 0;
  const keys = new SecretKeys({
    client: api,
    namespace: "vpn",
    folder,
    nodes: () => nodes,
    onChange: () => count++,
  });
  return { keys, folder, told: () => count };
}

function filesIn(folder: string): number {
  return [...Deno.readDirSync(folder)].length;
}

async function settled(keys: SecretKeys, size: number): Promise<void> {
  await until("all to be read", () => keys.known.size === size, { pauseMs: 2 });
}

Deno.test("One Secret that is missing has no other read again", async () => {
  const api = new Api();
  for (const name of ["a", "b", "c"]) api.secrets.set(name, makeKey());
  const { keys, folder, told } = openKeys(api);
  assert.deepEqual(await askedAt(0, { keys, api, names: ["a", "b", "c", "none"] }), ["a", "b", "c", "none"]);
  assert.equal(filesIn(folder), 3);
  // After ten seconds, then twenty, forty; after a minute those that gave a key: each time is drawn out by up to a quarter.
  const looks: readonly [afterMs: number, asked: readonly string[]][] = [
    [9_999, []],
    [12_501, ["none"]],
    [32_500, []],
    [37_502, ["none"]],
    [59_999, []],
    [75_001, ["a", "b", "c"]],
    [77_501, []],
    [87_503, ["none"]],
  ];
  for (const [afterMs, asked] of looks) {
    const found = await askedAt(afterMs, { keys, api, names: ["a", "b", "c", "none"] });
    assert.deepEqual(found, asked, `after ${afterMs} ms`);
  }
  // What is read again and is the same wakes nobody: each look's probe alone is new.
  assert.equal(told(), 4 + 1 + looks.length);
});

Deno.test("Of 5,000 nodes each asks for a missing Secret so seldom that all of them have 20 questions a second", async () => {
  const api = new Api();
  const { keys } = openKeys(api, 5_000);
  const asked: string[][] = [];
  for (const afterMs of [0, 249_999, 312_501]) {
    asked.push(await askedAt(afterMs, { keys, api, names: ["none"] }));
  }
  assert.deepEqual(asked, [["none"], [], ["none"]]);
});

Deno.test("Nothing is told before a plan's own key was looked for; nobody else's Secret holds it up", async () => {
  const { keys } = openKeys(new Api());
  const [own] = wantingOf("WireGuardNetworkPlan", ["own"]).interfaces;
  const [other] = wanting("other").interfaces;
  const peer = {
    node: "n2",
    publicKey: undefined,
    endpoint: undefined,
    allowedIps: "",
    keepaliveSeconds: 0,
    presharedSecret: "shared/psk",
  } as const;
  const of = (...interfaces: Wanted["interfaces"]) => keys.want({ interfaces, rejected: [], refused: [] });
  of({ ...other!, link: { ...other!.link, peers: [peer] } } as typeof other & object);
  assert.equal(keys.isSettled, true);
  await settled(keys, 2);
  of(other!, own!);
  assert.equal(keys.isSettled, false);
  await until("it to be looked for", () => (of(other!, own!), keys.isSettled), { pauseMs: 2 });
});

for (const status of [401, 403, 500]) {
  Deno.test(`An API server that answers ${status} takes no key away that was read`, async () => {
    const api = new Api();
    api.secrets.set("a", makeKey());
    const { keys, folder } = openKeys(api);
    keys.want(wanting("a"));
    await settled(keys, 1);
    const before = JSON.stringify([...keys.known]);
    api.status = status;
    // A new key of the same Secret has it read again.
    const [one] = wanting("a").interfaces;
    const other = { ...one!, link: { ...one!.link, secret: "a/other" } } as typeof one;
    keys.want({ interfaces: [one!, other!], rejected: [], refused: [] });
    await settled(keys, 2);
    assert.equal(JSON.stringify([...keys.known].slice(0, 1)), before);
    assert.match(JSON.stringify(keys.known.get("a/other")), /does not answer|answered 40|answered 500/);
    assert.equal(filesIn(folder), 1);
  });
}

Deno.test("The file of a key goes with who asks for it, and the others stay", async () => {
  const api = new Api();
  for (const name of ["a", "b"]) api.secrets.set(name, makeKey());
  const { keys, folder } = openKeys(api);
  keys.want(wanting("a", "b"));
  await settled(keys, 2);
  await until("it to be free", () => (keys.want(wanting("b")), keys.known.size === 1), { pauseMs: 2 });
  await until("one file", () => filesIn(folder) === 1, { pauseMs: 2 });
  await until("it to be free", () => (keys.want(wanting()), keys.known.size === 0), { pauseMs: 2 });
  await until("no file", () => filesIn(folder) === 0, { pauseMs: 2 });
});

Deno.test("Agents that share /run have folders of their own: by node, interface or path of the key", () => {
  const own = { nodeName: "n1", interfaceName: "wigglenet", privateKeyPath: "/etc/wigglenet/private.key" };
  const others = [{ nodeName: "n2" }, { interfaceName: "other" }, { privateKeyPath: "/other.key" }];
  const folders = [own, ...others.map((it) => ({ ...own, ...it }))].map((it) =>
    secretFolder(it as Parameters<typeof secretFolder>[0])
  );
  assert.equal(new Set(folders).size, 4);
});
