// A WireGuard link between pods of one namespace on two nodes, by a grant and objects from files (which have no policies: agents hold
// them alone); another namespace asks for what it is not granted. Sockets stay with the nodes:
//
//   n1 10.9.1.1:52001 ═══ underlay ═══ 10.9.1.2:52002 n2
//   team-a/web-0: ta-wg 10.70.0.1      team-a/web-1: ta-wg 10.70.0.2

import assert from "node:assert/strict";
import { withValue } from "../declared/bad_objects.ts";
import { makeResults, runPod } from "../declared/run_pod.ts";
import { GRANT, inNamespace } from "../declared/tenants.ts";
import { declared, type ObjectJson } from "../declared/walk_through.ts";
import { HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { CONTAINERS } from "./contained_node.ts";

const lab = await Lab.create({ nodes: 2 });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

const ON_KERNEL = { ignore: !HAS_KERNEL_WIREGUARD };
const inPod = (name: string) => ["ip", "netns", "exec", `cni-team-a-${name}`];
const [inWeb0, inWeb1] = [inPod("web-0"), inPod("web-1")];
const PREFIXES = lab.nodes.map((node) => `${node.address(4)!}/32`);
const GRANTED = withValue(GRANT, "namespaces.0.endpoints", PREFIXES);

/** One end, whose peer is the other. */
function end(i: 1 | 2, key: string): ObjectJson {
  return inNamespace(
    declared("PodWireGuardInterface", `link-${i}`, {
      node: `n${i}`,
      pod: `web-${i - 1}`,
      interfaceName: "ta-wg",
      listenPort: 52_000 + i,
      addresses: [
        { family: "inet", local: `10.70.0.${i}`, prefixlen: 24 },
        { family: "inet6", local: `fd00:70::${i}`, prefixlen: 64 },
      ],
      peers: [{
        publicKey: key,
        allowedIPs: [`10.70.0.${3 - i}/32`, `fd00:70::${3 - i}/128`],
        endpoint: `${lab.nodes[2 - i]!.address(4)!}:${52_003 - i}`,
      }],
    }),
    "team-a",
  );
}

async function write(...objects: readonly ObjectJson[]): Promise<void> {
  const part = `${lab.folder}/declared.part`;
  await Deno.writeTextFile(part, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await Deno.rename(part, `${lab.nodesFolder}/declared.yaml`);
}

function keyOf(node: Node, i: 1 | 2): Promise<string> {
  return until(`${node.name}'s key`, async () => {
    const path = `${node.folder}/declared/interface-team-a_link-${i}.key`;
    const key = await Deno.readTextFile(path).catch(() => undefined);
    return key && (await node.run(["wg", "pubkey"], { stdin: key })).trim();
  }, { seen: () => node.agent!.tail() });
}

async function answers(address: string): Promise<void> {
  await until(`${address} to answer web-0`, async () => {
    return (await n1.attempt([...inWeb0, "ping", "-c", "1", "-W", "1", address])).code === 0;
  }, {
    deadlineMs: 30_000,
    seen: async () => `${(await n1.attempt([...inWeb0, "wg", "show"])).stdout}\n${n1.agent!.tail()}`,
  });
}

/** Waits until `ip link` in a pod, or on the node, tells of it or does not. */
async function tells(node: Node, enter: readonly string[], isThere: boolean): Promise<void> {
  await until(`ta-wg ${isThere ? "" : "not "}to be on ${node.name}: ${enter.at(-1)}`, async () => {
    return (await node.run([...enter, "ip", "-o", "link"])).includes("ta-wg") === isThere;
  }, { deadlineMs: 30_000, seen: () => node.agent!.tail() });
}

let ends: readonly [ObjectJson, ObjectJson];

Deno.test(
  "Pods of a namespace have a link between two nodes, by both families (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    for (const [i, node] of lab.nodes.entries()) {
      await makeResults(node);
      await runPod(node, "team-a", `web-${i}`);
      await runPod(node, "team-b", `web-${i}`);
      node.startAgent({ settings: CONTAINERS });
    }
    const nobody = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=";
    await write(GRANTED, end(1, nobody), end(2, nobody));
    ends = [end(1, await keyOf(n2, 2)), end(2, await keyOf(n1, 1))];
    await write(GRANTED, ...ends);
    await answers("10.70.0.2");
    await answers("fd00:70::2");
  },
);

Deno.test(
  "The socket is the node's at the granted port, the interface the pod's alone (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    assert.match(await n1.run(["ss", "-Huln"]), /:52001\b/);
    assert.doesNotMatch(await n1.run([...inWeb0, "ss", "-Huln"]), /:52001\b/);
    await tells(n1, [], false);
    await tells(n1, ["ip", "netns", "exec", "cni-team-b-web-0"], false);
  },
);

Deno.test(
  "What a pod's root turns is turned back: port, peer, address (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    for (
      const damage of [
        ["wg", "set", "ta-wg", "listen-port", "53000"],
        ["wg", "set", "ta-wg", "peer", await keyOf(n2, 2), "remove"],
        ["ip", "address", "flush", "dev", "ta-wg"],
      ]
    ) {
      await n1.run([...inWeb0, ...damage]);
      await answers("10.70.0.2");
    }
    await until("the granted port again", async () => {
      const listening = await n1.run(["ss", "-Huln"]);
      return /:52001\b/.test(listening) && !/:53000\b/.test(listening);
    });
  },
);

Deno.test(
  "Another namespace takes neither port nor pod, and disturbs nothing (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    const before = await n1.run([...inWeb0, "ip", "-o", "link", "show", "ta-wg"]);
    const theirs = inNamespace(withValue(ends[0], "interfaceName", "tb-wg"), "team-b", "a");
    await write(GRANTED, ...ends, theirs);
    let stdout = "";
    await until("status to tell it", async () => {
      ({ stdout } = await n1.runAgent({ verb: "status" }));
      return /PodWireGuardInterface team-b\/a: Rejected: .* is in none of team-b's|port 52001 is none of team-b's/
        .test(stdout);
    }, { seen: () => `${stdout}\n${n1.agent!.tail()}` });
    assert.equal(await n1.run([...inWeb0, "ip", "-o", "link", "show", "ta-wg"]), before);
    await answers("10.70.0.2");
  },
);

Deno.test(
  "It outlives its agent, and goes with its grant: interface and socket (kernel WireGuard)",
  ON_KERNEL,
  async () => {
    const before = await n1.run([...inWeb0, "ip", "-o", "link", "show", "ta-wg"]);
    await n1.agent!.kill("SIGKILL");
    n1.startAgent({ settings: CONTAINERS });
    await n1.inSync();
    await answers("10.70.0.2");
    assert.equal(await n1.run([...inWeb0, "ip", "-o", "link", "show", "ta-wg"]), before);
    await write(withValue(GRANTED, "namespaces.0.ports", [{ start: 52_100, end: 52_100 }]), ...ends);
    await tells(n1, inWeb0, false);
    await tells(n2, inWeb1, false);
    assert.doesNotMatch(await n1.run(["ss", "-Huln"]), /:52001\b/);
  },
);
