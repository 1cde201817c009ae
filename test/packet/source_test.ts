// Who has a pod's address: forged packets from the LAN and from a pod, to pods, to other nodes' pods and to the node itself.
// (Forged packets from a peer, through a real tunnel: test/netns/forged_test.ts.)

import assert from "node:assert/strict";
import { ipPacket, udp } from "../lab/craft.ts";
import { CabledNode, type CabledNodeOptions, type Link, PLACES } from "./cabled_node.ts";
import { loadServices } from "./services.ts";
import { judge } from "./table.ts";

/** None of them is asked for: sources are asked with the defaults. */
const SETTINGS: Readonly<Record<string, CabledNodeOptions["settings"] & object>> = {
  "with the defaults": {},
  "with the filter": { "filter-ipv4": "true", "filter-ipv6": "true" },
  "with the filter, without STRICT": { "filter-ipv4": "true", "filter-ipv6": "true", strict: "false" },
};

for (const [name, settings] of Object.entries(SETTINGS)) {
  Deno.test(`${name}, a packet from the LAN with a pod's address gets nowhere`, async () => {
    await using node = await CabledNode.create({ settings });
    await loadServices(node);
    await judge(
      node,
      `
      pod-b            -> pod-a     udp 54     accept
      peer-pod         -> pod-a     udp 54     accept
      pod-b@lan        -> pod-a     udp 53     drop
      pod-b@lan        -> pod-a     tcp 80     drop
      pod-a@lan        -> pod-a     udp 53     drop
      no-pod@lan       -> pod-a     udp 53     drop
      peer-pod@lan     -> pod-a     udp 53     drop
      peer-pod@lan     -> pod-a     tcp 80     drop
      peer-pod@lan     -> pod-a     echo       drop
      peer-pod@lan     -> pod-a     tcp 80 ack  drop
      peer-pod@lan     -> pod-a     protocol 253  drop
      keyless-pod@lan  -> pod-a     tcp 80     drop
      pod-b@lan        -> peer-pod  udp 53     drop
      peer-pod@lan     -> peer-pod  udp 53     drop
      peer-pod@lan     -> world     udp 53     drop
      peer-pod@lan     -> host      tcp 30053  drop
      pod-b@lan        -> host      udp 30053  drop
      peer-pod@lan     -> host      udp 9      drop
      pod-b@lan        -> host      udp 9      drop
      peer-pod         -> host      udp 9      unreachable
      pod-b            -> host      udp 9      unreachable
    `,
    );
  });

  Deno.test(`${name}, a pod sends with no other pod's address, and not as its node through the tunnel`, async () => {
    await using node = await CabledNode.create({ settings });
    await judge(
      node,
      `
      pod-a              -> pod-b     udp 54  accept
      pod-b              -> peer-pod  udp 54  accept
      pod-b@pod-a        -> pod-b     udp 53  drop
      pod-b@pod-a        -> peer-pod  udp 53  drop
      pod-b@pod-a        -> world     tcp 80  drop
      pod-b@pod-a        -> host      udp 9   drop
      no-pod@pod-a       -> pod-b     tcp 80  drop
      no-pod@pod-a       -> world     udp 53  drop
      peer-pod@pod-a     -> pod-b     udp 53  drop
      peer-pod@pod-a     -> peer-pod  udp 53  drop
      peer-pod@pod-a     -> world     udp 53  drop
      peer-pod@pod-a     -> host      udp 9   drop
      keyless-pod@pod-a  -> pod-b     tcp 80  drop
      host@pod-a         -> peer-pod  udp 53  drop
      host@pod-a         -> peer-pod  tcp 80  drop
    `,
    );
  });
}

Deno.test("all of CLUSTER_POD_CIDRS is an address of pods, also where no Node claims it yet", async () => {
  const settings = { "cluster-pod-cidrs": "10.244.0.0/16,fd00:10:244::/48" };
  await using node = await CabledNode.create({ settings });
  await judge(
    node,
    `
    unknown-pod@lan    -> pod-a  udp 53  drop
    unknown-pod@pod-a  -> pod-b  udp 53  drop
    unknown-pod@lan    -> host   udp 9   drop
    outsider           -> pod-a  udp 53  accept
  `,
  );
});

Deno.test("without masquerading pods of other nodes come to this node and its NodePorts by the LAN, and no further", async () => {
  const settings = { "masquerade-ipv4": "false", "masquerade-ipv6": "false" };
  await using node = await CabledNode.create({ settings });
  await loadServices(node);
  // What comes of udp 9 is the node's own word that nobody listens there.
  await judge(
    node,
    `
    peer-pod@lan    -> host      tcp 30053 unanswered  accept at pod-a
    peer-pod@lan    -> host      udp 9 unanswered      masquerade at wigglenet
    peer-pod@lan    -> pod-a     udp 53     drop
    peer-pod@lan    -> peer-pod  udp 53     drop
    pod-b@pod-a     -> peer-pod  udp 53     drop
    peer-pod@pod-a  -> pod-b     udp 53     drop
    pod-a           -> world     udp 53     accept
  `,
  );
});

Deno.test("where NO_MASQUERADE_CIDRS has the node's address pods of other nodes come to it by the LAN, and no further", async () => {
  for (
    const [cidrs, answer] of [["10.9.1.0/30,fd09::/126", "accept"], ["192.0.2.0/24,2001:db8::/64", "drop"]]
  ) {
    await using node = await CabledNode.create({ settings: { "no-masquerade-cidrs": cidrs! } });
    await loadServices(node);
    await judge(
      node,
      `
      peer-pod@lan    -> host      tcp 30053 unanswered  ${answer === "drop" ? "drop" : "accept at pod-a"}
      peer-pod@lan    -> host      udp 9 unanswered      ${
        answer === "drop" ? "drop" : "masquerade at wigglenet"
      }
      peer-pod@lan    -> gateway   udp 9      drop
      peer-pod@lan    -> pod-a     udp 53     drop
      peer-pod@lan    -> peer-pod  udp 53     drop
      pod-b@pod-a     -> peer-pod  udp 53     drop
      peer-pod@pod-a  -> pod-b     udp 53     drop
    `,
    );
  }
});

for (
  const [name, settings] of Object.entries({
    "STRICT=false": { strict: "false" },
    "FIREWALL_ONLY": { "firewall-only": "true" },
    "native routing": { "native-routing-ipv4": "true", "native-routing-ipv6": "true" },
  })
) {
  Deno.test(`${name} without a filter asks nobody for sources: others may route pods' packets as they like`, async () => {
    await using node = await CabledNode.create({ settings });
    await judge(node, "peer-pod@lan  -> pod-a  protocol 253  accept");
  });
}

// What docs/security.md says that an attacker can do.
Deno.test("given up: who knows a flow's addresses and ports puts packets into it from the LAN", async () => {
  await using node = await CabledNode.create();
  for (const family of [4, 6] as const) {
    const [source, destination] = [PLACES["peer-pod"]!.addresses[family], PLACES["pod-a"]!.addresses[family]];
    const arrivals = async (link: Link, isAnswer = false) => {
      const mark = node.mark();
      const packet = isAnswer
        ? ipPacket({ source: destination, destination: source }, udp(53, 32_000, mark))
        : ipPacket({ source, destination }, udp(32_000, 53, mark));
      return (await node.shoot([{ link, packet, mark }], 1))[0]!.map(({ link }) => link);
    };
    assert.deepEqual(await arrivals("lan"), [], "before there is a flow");
    assert.deepEqual(await arrivals("wigglenet"), ["pod-a"]);
    assert.deepEqual(await arrivals("pod-a", true), ["wigglenet"]);
    assert.deepEqual(await arrivals("lan"), ["pod-a"]);
  }
});

Deno.test("given up: a pod sends with an address that is no pod's, to its own node's pods and to the LAN", async () => {
  await using node = await CabledNode.create();
  await judge(
    node,
    `
    outsider@pod-a   -> pod-b  udp 53 unanswered  accept
    elsewhere@pod-a  -> world  udp 53 unanswered  accept
  `,
  );
});
