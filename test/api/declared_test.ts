// The kinds of declared networks, on a real API server: it takes the walk-through, refuses what the parser refuses, and explains
// what it takes.

import assert from "node:assert/strict";
import { BAD_OBJECTS } from "../declared/bad_objects.ts";
import { PLAN, WALK_THROUGH, WIREGUARD } from "../declared/walk_through.ts";
import { ControlPlane } from "../lab/kubernetes/control_plane.ts";
import { Lab } from "../lab/lab.ts";

const CRDS = new URL("../../deploy/kubernetes/crds/", import.meta.url).pathname;
const GROUP = "/apis/networking.wigglenet.dev/v1alpha1";

const lab = await Lab.create({ nodes: 1 });
const plane = await ControlPlane.create(lab);
Deno.test.afterAll(async () => {
  await plane[Symbol.asyncDispose]();
  await lab.close();
});

Deno.test("The API server takes the definitions, and establishes them", async () => {
  await plane.mustKubectl(["apply", "--server-side", "--validate=strict", "-k", CRDS]);
  const waited = await plane.mustKubectl([
    ...["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"],
  ]);
  assert.equal(waited.trim().split("\n").length, 4);
  const crds = await plane.admin.demand("/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
  for (const { metadata, status } of crds.items) {
    const odd = status.conditions.filter(({ type }: { type: string }) => type === "NonStructuralSchema");
    assert.deepEqual(odd, [], metadata.name);
  }
});

Deno.test("The API server takes the walk-through, and gives what is missing the parser's values", async () => {
  for (const object of WALK_THROUGH) await apply(object);
  const { spec } = await plane.admin.demand(`${GROUP}/wireguardnetworkplans/${PLAN.metadata.name}`);
  assert.deepEqual(spec.nodes.map(({ mtu }: { mtu: number }) => mtu), [1420, 1400]);
  assert.deepEqual(spec.nodes[1].addresses, [{ family: "inet", local: "10.4.0.2", noPrefixRoute: false }]);
});

for (const { what, object, answer } of BAD_OBJECTS) {
  Deno.test(`The API server refuses ${what}`, async () => {
    const { code, stderr } = await plane.kubectl(
      ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"],
      JSON.stringify({ ...object, metadata: { name: "bad" } }),
    );
    assert.equal(code, 1, stderr);
    assert.match(stderr, answer);
  });
}

Deno.test("It finds the objects of one node by spec.node", async () => {
  const selected = (node: string) =>
    plane.admin.demand(`${GROUP}/wireguardinterfaces?fieldSelector=spec.node%3D${node}`);
  const names = ({ items }: { items: { metadata: { name: string } }[] }) =>
    items.map(({ metadata }) => metadata.name);
  assert.deepEqual(names(await selected("lax1")), [WIREGUARD.metadata.name]);
  assert.deepEqual(names(await selected("lax2")), []);
});

Deno.test("kubectl get and explain read well, by short names too", async () => {
  const listed = await plane.mustKubectl(["get", "wgi,nli,wgp"]);
  assert.match(listed, /NAME +NODE +INTERFACE +PORT +READY +REASON +AGE\n\S+lax1-wg1 +lax1 +wg1 +51821 /);
  assert.match(listed, /NAME +NODE +INTERFACE +TYPE +READY +REASON +AGE\n/);
  const explained = await plane.mustKubectl(["explain", "wgp.spec.nodes.underlay"]);
  assert.match(explained, /A node without it is behind NAT/);
  assert.match(explained, /hostname\t<string> -required-/);
  for (
    const [path, says] of [
      ["wgi.spec.peers.endpoint", /Where it listens: an address or DNS name, and a port/],
      ["nl.spec.vxlan.group", /Where packets go whose place is not known/],
      ["wgplan.status.nodes.lastHandshake", /The latest handshake of any of them/],
      ["wgn.status.interfaces.peers", /Its peers/],
    ] as const
  ) assert.match(await plane.mustKubectl(["explain", path]), says);
});

Deno.test("It takes a plan of 200 nodes in full mesh", async () => {
  const names = Array.from({ length: 200 }, (_, i) => `node-${i}`);
  await apply({
    ...PLAN,
    metadata: { name: "mesh" },
    spec: {
      nodes: names.map((nodeName, i) => ({
        nodeName,
        underlay: { hostname: `10.9.1.${i + 1}` },
        addresses: [{ family: "inet", local: `10.4.0.${i + 1}` }],
      })),
      links: names.map((fromNode) => ({
        fromNode,
        toNodes: names.filter((name) => name !== fromNode).map((nodeName) => ({ nodeName })),
      })),
    },
  });
});

async function apply(object: unknown): Promise<void> {
  await plane.mustKubectl(["apply", "--server-side", "--validate=strict", "-f", "-"], JSON.stringify(object));
}
