import assert from "node:assert/strict";
import {
  BAD_GRANTS,
  GRANT,
  inNamespace,
  NO_SUCH_WORDS,
  OVERREACHING,
  POD_DUMMY,
  POD_VETH,
  POD_WIREGUARD,
  TENANTS,
} from "../../../../test/declared/tenants.ts";
import { withValue } from "../../../../test/declared/bad_objects.ts";
import { parsed } from "../../../../test/declared/parsed.ts";
import { declared, type ObjectJson, WIREGUARD } from "../../../../test/declared/walk_through.ts";
import { parsePrefix } from "../../net/prefix.ts";
import { refused } from "../../net/refusal.ts";
import type { KindName } from "../kinds/kinds.ts";
import { parseDeclared } from "../parse_declared.ts";
import { overreaching } from "./grants.ts";
import { type Wanted, wantInterfaces } from "./want_interfaces.ts";

const HERE = { nodeName: "n1", interfaceName: "wigglenet", ports: [24_601, 24_602], nowMs: 0 };

function want(...objects: readonly ObjectJson[]): Wanted {
  return wantInterfaces(objects.map(parsed), HERE);
}

function inContainers(...objects: readonly ObjectJson[]): Wanted {
  return wantInterfaces(objects.map(parsed), { ...HERE, hasContainers: true });
}

/** No agent of these tests reads any. */
const WITHOUT_SECRET = withValue(POD_WIREGUARD, "peers.0.presharedKeySecretRef", undefined);

for (const { what, object, reason } of [...NO_SUCH_WORDS, ...BAD_GRANTS]) {
  Deno.test(`${object.kind}: ${what} is refused`, () => {
    const { object: parsed, rejected } = parseDeclared(object.kind as KindName, object, "a.yaml");
    assert.equal(parsed, undefined);
    assert.match(rejected!.reason, reason);
  });
}

Deno.test("A tenant's object is its namespace's, and each end of it is in a pod of that namespace", () => {
  const link = parsed(POD_WIREGUARD);
  assert.ok(link.kind === "PodWireGuardInterface");
  assert.deepEqual([link.name, link.namespace], ["team-a/link", "team-a"]);
  assert.deepEqual(link.spec.container?.pod, { namespace: "team-a", name: "web-0" });
  assert.equal(link.spec.peers[0]!.presharedKeySecretRef?.namespace, "team-a");
  const pair = parsed(POD_VETH);
  assert.ok(pair.kind === "PodNetlinkInterface");
  const { container, veth } = pair.spec;
  assert.deepEqual([container, veth!.local!.container, veth!.peer.container].map((it) => it?.pod), [
    { namespace: "team-a", name: "web-0" },
    { namespace: "team-a", name: "web-0" },
    { namespace: "team-a", name: "web-1" },
  ]);
  const { peer } = POD_VETH.spec["veth"] as { peer: { pod?: string } };
  const { pod: _, ...alone } = peer;
  const own = parsed({ ...POD_VETH, spec: { ...POD_VETH.spec, veth: { peer: alone } } });
  assert.ok(own.kind === "PodNetlinkInterface");
  assert.deepEqual(own.spec.veth!.peer.container!.pod, { namespace: "team-a", name: "web-0" });
  assert.deepEqual(own.spec.veth!.local!.container!.pod, { namespace: "team-a", name: "web-0" });
});

Deno.test("What a grant holds is allowed, by the one grant of that name alone", () => {
  assert.deepEqual(overreaching([GRANT, ...TENANTS].map(parsed)), []);
  const other = { ...GRANT, metadata: { name: "other" } };
  for (const grants of [[], [other]]) {
    const found = overreaching([...grants, ...TENANTS].map(parsed));
    assert.deepEqual(found.map(({ name }) => name), TENANTS.map(({ metadata }) => `team-a/${metadata.name}`));
    for (const { reason } of found) assert.match(reason, /^namespace team-a may make nothing/);
  }
});

for (const { what, object, reason } of OVERREACHING) {
  Deno.test(`${object.kind}: ${what} is more than team-a is granted`, () => {
    const [found, ...more] = overreaching([GRANT, object].map(parsed));
    assert.deepEqual(more, []);
    assert.deepEqual([found!.kind, found!.name], [object.kind, `team-a/${object.metadata.name}`]);
    assert.match(found!.reason, reason);
  });
}

Deno.test("A grant is of one namespace: another with the same object makes nothing", () => {
  for (const namespace of ["team-b", "team-c", "team-a-2"]) {
    const found = overreaching([GRANT, ...TENANTS.map((it) => inNamespace(it, namespace))].map(parsed));
    assert.equal(found.length, TENANTS.length, namespace);
  }
});

Deno.test("What is granted no more is not kept, nor by an object that asks for nonsense besides", () => {
  const { interfaces, rejected, refused } = want(POD_DUMMY);
  assert.deepEqual([interfaces, refused], [[], []]);
  assert.match(rejected[0]!.reason, /may make nothing/);
  const nowhere = want(GRANT, POD_DUMMY);
  assert.deepEqual([nowhere.interfaces, nowhere.refused], [[], []]);
  assert.match(nowhere.rejected[0]!.reason, /this agent puts nothing there/);
});

Deno.test("Objects for other nodes are none of this one's, whatever they are granted", () => {
  const { rejected } = wantInterfaces([parsed(POD_DUMMY)], { ...HERE, nodeName: "n2" });
  assert.deepEqual(rejected, []);
});

Deno.test("What is granted is wanted in the pods that are said, where this agent puts interfaces into containers", () => {
  const { interfaces, rejected } = inContainers(
    GRANT,
    inNamespace(WITHOUT_SECRET, "team-a"),
    POD_VETH,
    POD_DUMMY,
  );
  assert.deepEqual(rejected, []);
  assert.deepEqual(interfaces.map(({ name, container, alias }) => `${name} ${container} ${alias}`), [
    "ta-wg pod/team-a/web-0 PodWireGuardInterface/team-a/link",
    "ta-dummy pod/team-a/web-0 PodNetlinkInterface/team-a/dummy",
    "ta-left pod/team-a/web-0 PodNetlinkInterface/team-a/pair",
    "ta-right pod/team-a/web-1 PodNetlinkInterface/team-a/pair",
  ]);
});

Deno.test("A port is the cluster's before it is a tenant's, however old, and nobody learns of other namespaces", () => {
  const grants = withValue(GRANT, "namespaces.1.ports", [{ start: 1, end: 65_535 }]);
  const wide = withValue(grants, "namespaces.1.interfaceNames", ["ta-"]);
  const of = (namespace: string, name: string, age: string) => ({
    ...withValue(WITHOUT_SECRET, "addresses", []),
    metadata: { name, namespace, creationTimestamp: age },
  });
  const a = of("team-a", "link", "2026-01-01T00:00:00Z");
  const b = withValue(of("team-b", "link", "2026-01-02T00:00:00Z"), "peers", []);
  const own = withValue(of("team-a", "later", "2026-01-03T00:00:00Z"), "interfaceName", "ta-wg2");
  const said = (...objects: readonly ObjectJson[]) =>
    inContainers(wide, ...objects).rejected.map(({ name, reason }) => `${name}: ${reason}`);
  assert.deepEqual(said(b, own, a), [
    "team-b/link: the port 52001 belongs to somebody else",
    "team-a/later: the port 52001 belongs to PodWireGuardInterface team-a/link",
  ]);
  const cluster = withValue(withValue(WIREGUARD, "listenPort", 52_001), "node", "n1");
  assert.deepEqual(said(a, cluster), ["team-a/link: the port 52001 belongs to somebody else"]);
  assert.deepEqual(said(withValue(b, "listenPort", 24_601)), [
    "team-b/link: the port 24601 belongs to the pod network",
  ]);
});

Deno.test("An address of a node or of its pods is nobody's in a pod, whatever is granted", () => {
  const pods = parsePrefix("10.70.2.0/24");
  assert.ok(!refused(pods));
  const taken = { nodes: new Map(), podCidrs: [{ prefix: pods, node: "n2" }] };
  const { rejected } = wantInterfaces([GRANT, POD_DUMMY].map(parsed), {
    ...HERE,
    hasContainers: true,
    taken,
  });
  assert.deepEqual(rejected.map(({ reason }) => reason), [
    "10.70.2.1 is in 10.70.2.0/24, the pod CIDR of node n2",
  ]);
});

Deno.test("A namespace has no more interfaces on a node than it is granted, and the older stand", () => {
  const grant = withValue(GRANT, "namespaces.0.interfaces", 3);
  const dummies = ["1", "2", "3"].map((it) => ({
    ...withValue(POD_DUMMY, "interfaceName", `ta-${it}`),
    metadata: { name: it, namespace: "team-a", creationTimestamp: `2026-01-0${it}T00:00:00Z` },
  }));
  const younger = {
    ...POD_VETH,
    metadata: { ...POD_VETH.metadata, creationTimestamp: "2026-01-02T12:00:00Z" },
  };
  const { interfaces, rejected } = inContainers(grant, younger, ...dummies.toReversed());
  assert.deepEqual(interfaces.map(({ name }) => name), ["ta-1", "ta-2", "ta-3"]);
  assert.deepEqual(rejected.map(({ name, reason }) => `${name}: ${reason}`), [
    "team-a/pair: namespace team-a has 3 interfaces on this node already",
  ]);
});

Deno.test("An object of the same name that is made anew, by whoever has its namespace then, has another key", () => {
  const uids = ["5e1f0f4e-0000-4000-8000-000000000001", "5e1f0f4e-0000-4000-8000-000000000002"];
  const keys = [...uids, "../../x"].map((uid) => {
    const object = { ...WITHOUT_SECRET, metadata: { ...WITHOUT_SECRET.metadata, uid } };
    const [made] = inContainers(GRANT, object).interfaces;
    return made?.link.kind === "wireguard" ? made.link.keyName : "none";
  });
  assert.deepEqual(keys, [...uids.map((uid) => `tenant-team-a_link_${uid}`), "interface-team-a_link"]);
});

Deno.test("Two objects of one name in two namespaces have two names here, and two keys", () => {
  const keys = ["team-a", "team-b"].map((namespace) => {
    const grant = declared("PodInterfaceGrant", "wigglenet", {
      namespaces: [{ ...(GRANT.spec["namespaces"] as object[])[0], namespace }],
    });
    const [made] = inContainers(grant, inNamespace(WITHOUT_SECRET, namespace)).interfaces;
    return made?.link.kind === "wireguard" ? made.link.keyName : "none";
  });
  assert.deepEqual(keys, ["interface-team-a_link", "interface-team-b_link"]);
  const names = ["team-a", "team-b"].map((it) => parsed(inNamespace(POD_WIREGUARD, it)).name);
  assert.deepEqual(names, ["team-a/link", "team-b/link"]);
  const { rejected } = parseDeclared(
    "PodWireGuardInterface",
    declared("PodWireGuardInterface", "a", {}),
    "a.yaml",
  );
  assert.equal(rejected!.name, "default/a");
  const odd = inNamespace(POD_DUMMY, "kube-system/x");
  const told = parseDeclared("PodNetlinkInterface", odd, "a.yaml").rejected!;
  assert.match(`${told.name} ${told.reason}`, /^a.yaml .* is not a namespace/);
});
