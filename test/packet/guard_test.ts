import assert from "node:assert/strict";
import { ipPacket, udp } from "../lab/craft.ts";
import type { Family } from "../lab/manifest.ts";
import { CabledNode, type CabledNodeOptions, PLACES } from "./cabled_node.ts";
import { loadServices } from "./services.ts";
import { judge } from "./table.ts";

const CLUSTER = { "cluster-pod-cidrs": "10.244.0.0/16,fd00:10:244::/48" };
/** The ways in which packets to pods of n2 lose their tunnel, and what becomes of new flows. */
const LOSSES: Readonly<Record<string, { ip: readonly string[]; verdict: string }>> = {
  "the interface is gone": { ip: ["link del wigglenet"], verdict: "unreachable" },
  "the interface is down": { ip: ["link set wigglenet down"], verdict: "unreachable" },
  "the routes are gone": {
    ip: ["route del 10.244.2.0/24 dev wigglenet", "-6 route del fd00:10:244:2::/64 dev wigglenet"],
    verdict: "unreachable",
  },
  "all our routes are gone": {
    ip: ["-4 route flush proto 146", "-6 route flush proto 146"],
    verdict: "drop",
  },
  "a more specific route leads to the LAN": {
    ip: ["route add 10.244.2.0/28 via 10.9.1.2", "route add fd00:10:244:2::/80 via fd09::2"],
    verdict: "drop",
  },
};

for (const [loss, { ip, verdict }] of Object.entries(LOSSES)) {
  Deno.test(`when ${loss}, nothing for another node's pod leaves in the clear`, async () => {
    await using node = await CabledNode.create();
    for (const line of ip) await node.node.run(["ip", ...line.split(" ")]);
    await judge(
      node,
      `
      pod-a     -> peer-pod  udp 53      ${verdict}
      pod-b     -> peer-pod  tcp 80      ${verdict}
      pod-a     -> peer-pod  echo        ${verdict}
      pod-a     -> peer-pod  tcp 80 rst  ${verdict}
      outsider  -> peer-pod  udp 53      ${verdict}
      host      -> peer-pod  udp 53      drop
      pod-a     -> pod-b     tcp 80      accept
      pod-a     -> world     udp 53      masquerade
    `,
    );
  });
}

async function established(node: CabledNode, family: Family): Promise<() => Promise<string[]>> {
  const [pod, peer] = [PLACES["pod-a"]!.addresses[family], PLACES["peer-pod"]!.addresses[family]];
  const send = async (isAnswer: boolean, expected: number) => {
    const mark = node.mark();
    const packet = isAnswer
      ? ipPacket({ source: peer, destination: pod }, udp(53, 32_000, mark))
      : ipPacket({ source: pod, destination: peer }, udp(32_000, 53, mark));
    const [arrivals] = await node.shoot([{ link: isAnswer ? "wigglenet" : "pod-a", packet, mark }], expected);
    return arrivals!.map(({ link }) => link);
  };
  assert.deepEqual([await send(false, 1), await send(true, 1), await send(false, 1)], [
    ["wigglenet"],
    ["pod-a"],
    ["wigglenet"],
  ]);
  return async () => (await send(false, 0)).filter((link) => link !== "pod-a"); // there it is told so
}

for (const loss of ["the interface is gone", "the interface is down", "the routes are gone"]) {
  Deno.test(`when ${loss}, established flows to another node's pod do not leave in the clear`, async () => {
    await using node = await CabledNode.create();
    const sends = [await established(node, 4), await established(node, 6)];
    for (const line of LOSSES[loss]!.ip) await node.node.run(["ip", ...line.split(" ")]);
    for (const again of sends) assert.deepEqual(await again(), [], "it came out");
  });
}

Deno.test("a flow that nobody answers does not follow somebody else's route", async () => {
  await using node = await CabledNode.create();
  const sends = ([4, 6] as const).map((family) => {
    const ends = {
      source: PLACES["pod-a"]!.addresses[family],
      destination: PLACES["peer-pod"]!.addresses[family],
    };
    return async () => {
      const mark = node.mark();
      const packet = ipPacket(ends, udp(33_000, 514, mark));
      const [arrivals] = await node.shoot([{ link: "pod-a", packet, mark }]);
      return arrivals!.map(({ link }) => link).filter((link) => link !== "pod-a");
    };
  });
  for (const send of sends) assert.deepEqual(await send(), ["wigglenet"]);
  const { ip } = LOSSES["a more specific route leads to the LAN"]!;
  for (const line of ip) await node.node.run(["ip", ...line.split(" ")]);
  for (const send of sends) assert.deepEqual(await send(), [], "it came out");
});

// What docs/security.md says that an attacker can do.
Deno.test("given up: a flow that is there follows somebody else's more specific route", async () => {
  await using node = await CabledNode.create();
  const sends = [await established(node, 4), await established(node, 6)];
  const { ip } = LOSSES["a more specific route leads to the LAN"]!;
  for (const line of ip) await node.node.run(["ip", ...line.split(" ")]);
  for (const again of sends) assert.deepEqual(await again(), ["lan"]);
});

Deno.test("pods of a node without a key are guarded, and so is all of CLUSTER_POD_CIDRS", async () => {
  await using node = await CabledNode.create({ settings: CLUSTER });
  await judge(
    node,
    `
    pod-a     -> keyless-pod  udp 53   unreachable
    pod-a     -> unknown-pod  tcp 80   unreachable
    outsider  -> keyless-pod  tcp 80   unreachable
    outsider  -> unknown-pod  tcp 80   unreachable
    host      -> keyless-pod  udp 53   drop
    host      -> unknown-pod  udp 53   drop
    pod-a     -> world        udp 53   masquerade
  `,
  );
});

Deno.test("a route of somebody else does not open what is guarded", async () => {
  const ip = [
    "10.244.3.0/28 via 10.9.1.2",
    "fd00:10:244:3::/80 via fd09::2",
    "10.244.200.0/24 via 10.9.1.2",
    "fd00:10:244:200::/64 via fd09::2",
  ].map((route) => `route add ${route}`);
  await using node = await CabledNode.create({ settings: CLUSTER, ip });
  await judge(
    node,
    `
    pod-a  -> keyless-pod  udp 53   drop
    pod-a  -> unknown-pod  tcp 80   drop
    host   -> keyless-pod  udp 53   drop
    host   -> unknown-pod  udp 53   drop
  `,
  );
});

Deno.test("what conntrack was told not to follow does not go round the guard", async () => {
  await using node = await CabledNode.create({ ip: LOSSES["a more specific route leads to the LAN"]!.ip });
  const notrack = "table inet foreign { chain raw { type filter hook prerouting priority raw; notrack; }; }";
  await node.node.run(["nft", "-f", "-"], { stdin: notrack });
  await judge(
    node,
    `
    pod-a     -> peer-pod  udp 53  drop
    pod-a     -> peer-pod  echo    drop
    pod-b     -> peer-pod  tcp 80  drop
    pod-a     -> pod-b     udp 53  accept
  `,
  );
});

Deno.test("a service in front of another node's pod does not open what is guarded", async () => {
  await using node = await CabledNode.create({ ip: LOSSES["a more specific route leads to the LAN"]!.ip });
  await loadServices(node);
  await judge(
    node,
    `
    pod-a     -> service  udp 53     drop
    host      -> service  udp 53     drop
    outsider  -> service  tcp 80     drop
    outsider  -> host     tcp 30054  drop
    outsider  -> host     tcp 30053  accept at pod-a
  `,
  );
});

Deno.test("what comes out of the tunnel for a pod that does not exist goes nowhere else", async () => {
  await using node = await CabledNode.create();
  await judge(
    node,
    `
    peer-pod  -> no-pod  udp 53  unreachable
    peer-pod  -> no-pod  tcp 80  unreachable
    pod-a     -> no-pod  tcp 80  unreachable
    peer-pod  -> pod-a   tcp 80  accept
  `,
  );
});

const UNGUARDED: Readonly<Record<string, CabledNodeOptions["settings"] & object>> = {
  "STRICT=false": { strict: "false" },
  "FIREWALL_ONLY": { "firewall-only": "true" },
  "native routing": { "native-routing-ipv4": "true", "native-routing-ipv6": "true" },
};

for (const [name, settings] of Object.entries(UNGUARDED)) {
  Deno.test(`${name} means no guard, and still no masquerade between pods`, async () => {
    const ip = ["10.244.2.0/28 via 10.9.1.2", "fd00:10:244:2::/80 via fd09::2"].map((route) =>
      `route add ${route}`
    );
    await using node = await CabledNode.create({ settings, ip });
    await judge(
      node,
      `
      pod-a  -> peer-pod     udp 53  accept at lan
      host   -> peer-pod     udp 53  accept at lan
      pod-a  -> keyless-pod  udp 53  accept
    `,
    );
  });
}
