// Forged packets on whole nodes, with a real tunnel: from a node whose root obeys nobody, from a pod, from the LAN.
//
//   outsider ──┐                   n2 is the attacker's: no agent, no table of ours, but its key is that of a peer
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod
//               ══ tunnel ══ n3 ── n3-pod

import assert from "node:assert/strict";
import { bytesOf, frameOf, ipPacket, udp } from "../lab/craft.ts";
import type { Host } from "../lab/host.ts";
import { addressesOf, type Family, familyOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import { Mesh } from "./mesh.ts";

const mesh = await Mesh.create({ nodes: 3 });
Deno.test.afterAll(() => mesh.close());
const [n1, n2, n3] = mesh.nodes as [Node, Node, Node];
const [pod1, pod2, pod3] = mesh.pods as [Pod, Pod, Pod];
const other1 = await n1.addPod("n1-pod-2");

const OUTSIDE: Readonly<Record<Family, string>> = { 4: "192.0.2.9", 6: "2001:db8::9" };
const PORT = 9_999;
let shots = 0;

function addressOf({ manifest }: Node, family: Family): string {
  return addressesOf(manifest).find((address) => familyOf(address) === family)!;
}

/** The hardware address that a machine has for the way to another one. */
async function nextHop(from: Host, address: string): Promise<string> {
  const [route] = JSON.parse(await from.run(["ip", "-j", "route", "get", address])) as { gateway?: string }[];
  await from.attempt(["ping", "-n", "-c", "1", "-W", "1", address]);
  const known = await from.run(["ip", "-j", "neigh", "show", route!.gateway ?? address]);
  const [neighbour] = JSON.parse(known) as { lladdr: string }[];
  return neighbour!.lladdr;
}

/**
 * Sends a packet with each of these sources to a machine, then an honest one.
 * @returns whose came, by the time that the honest one did: on the wire it was behind all others
 */
async function arriving(
  { from, to, family, sources, honest }: {
    readonly from: Host;
    readonly to: { readonly host: Host; readonly address: string };
    readonly family: Family;
    readonly sources: Readonly<Record<string, string>>;
    readonly honest: string;
  },
): Promise<string[]> {
  const mac = await nextHop(from, to.address);
  const [out, there] = [new Wire(from, "eth0"), new Wire(to.host, "eth0")];
  const texts: string[] = [];
  const send = (source: string) => {
    const mark = new TextEncoder().encode(`forged${String(++shots).padStart(6, "0")}`);
    out.send(frameOf(ipPacket({ source, destination: to.address }, udp(20_000 + shots, PORT, mark)), mac));
  };
  try {
    for (const source of Object.values(sources)) send(source);
    await until(`${honest} to arrive over IPv${family}`, () => {
      send(honest);
      const packets = there.receive().filter(({ destinationPort }) => destinationPort === PORT);
      texts.push(...packets.map(({ source }) => source));
      return texts.includes(honest);
    });
  } finally {
    out.close();
    there.close();
  }
  const same = (a: string, b: string) => bytesOf(a).join() === bytesOf(b).join();
  return Object.entries(sources).filter(([, source]) => texts.some((text) => same(text, source))).map((
    [name],
  ) => name);
}

for (const family of [4, 6] as const) {
  Deno.test(`IPv${family}: from the LAN no packet with a pod's address reaches a pod`, async () => {
    const from = mesh.lab.outsider;
    const came = await arriving({
      from,
      to: { host: pod1, address: pod1.address(family)! },
      family,
      sources: {
        "a pod of another node": pod3.address(family)!,
        "another pod of this node": other1.address(family)!,
        "the pod itself": pod1.address(family)!,
      },
      honest: mesh.lab.outsiderAddresses.find((address) => familyOf(address) === family)!,
    });
    assert.deepEqual(came, []);
  });

  Deno.test(`IPv${family}: a pod reaches a pod of another node with no address but its own`, async () => {
    const came = await arriving({
      from: other1,
      to: { host: pod3, address: pod3.address(family)! },
      family,
      sources: {
        "another pod of its node": pod1.address(family)!,
        "a pod of a third node": pod2.address(family)!,
        "its node": addressOf(n1, family),
        "a third node": addressOf(n2, family),
        "the node that it goes to": addressOf(n3, family),
        "the pod that it goes to": pod3.address(family)!,
        "somebody outside": OUTSIDE[family],
      },
      honest: other1.address(family)!,
    });
    assert.deepEqual(came, []);
  });
}

Deno.test("a node whose root obeys nobody has no address in the tunnel but those of its own Node", async () => {
  await n2.agent!.kill("SIGKILL");
  await n2.run(["nft", "flush", "ruleset"]);
  for (const family of [4, 6] as const) {
    const came = await arriving({
      from: pod2,
      to: { host: pod1, address: pod1.address(family)! },
      family,
      sources: {
        "a pod of a third node": pod3.address(family)!,
        "a pod of the node that it goes to": other1.address(family)!,
        "a third node": addressOf(n3, family),
        "the node that it goes to": addressOf(n1, family),
        "somebody outside": OUTSIDE[family],
        "its own pod network, another pod": family === 4 ? "10.244.2.77" : "fd00:10:244:2::4d",
      },
      honest: pod2.address(family)!,
    });
    assert.deepEqual(came, ["its own pod network, another pod"], `IPv${family}`);
    const ping = ["ping", "-n", "-c", "1", "-W", "2", "-I", addressOf(n2, family), pod1.address(family)!];
    await until(`its own node's address to arrive over IPv${family}`, async () => {
      return (await n2.attempt(ping)).code === 0;
    });
  }
});
