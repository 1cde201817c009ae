// What a tenant is told, and how much time its objects may take of everybody's.

import assert from "node:assert/strict";
import { MOMENT } from "../../../../test/declared/moment.ts";
import { parsed } from "../../../../test/declared/parsed.ts";
import { withValue } from "../../../../test/declared/bad_objects.ts";
import { GRANT, inNamespace, POD_DUMMY } from "../../../../test/declared/tenants.ts";
import { declared, type ObjectJson } from "../../../../test/declared/walk_through.ts";
import type { FoundPlace } from "../plan/diff_everywhere.ts";
import { diffEverywhere } from "../plan/diff_everywhere.ts";
import { NO_INTERFACES } from "../observed/observed_interfaces.ts";
import { reportOf } from "../status/report.ts";
import { type Wanted, wantInterfaces } from "./want_interfaces.ts";

const HERE = { nodeName: "n1", interfaceName: "wigglenet", ports: [], nowMs: 0, hasContainers: true };

function want(...objects: readonly ObjectJson[]): Wanted {
  return wantInterfaces([GRANT, ...objects].map(parsed), HERE);
}

/** The cluster's own, in the tenant's pod. */
const inPod = (name: string, spec: Record<string, unknown>) =>
  declared("NetlinkInterface", name, {
    node: "n1",
    interfaceName: name,
    container: { pod: { namespace: "team-a", name: "web-0" } },
    ...spec,
  });
const ofTenant = (spec: Record<string, unknown>) =>
  inNamespace({ ...POD_DUMMY, spec: { node: "n1", pod: "web-0", interfaceName: "ta-x", ...spec } }, "team-a");

Deno.test("Who has a segment or a member of a tenant's pod is told as somebody else", () => {
  const segment = { type: "vxlan", vxlan: { vni: 7, port: 4789 } };
  const bridge = { type: "bridge", bridge: { slaves: ["ta-0"] } };
  for (const [spec, what] of [[segment, "VNI 7 at port 4789"], [bridge, "it"]] as const) {
    const [reason, ...more] = want(inPod("secret", spec), ofTenant(spec)).rejected.map((it) => it.reason);
    assert.match(reason!, new RegExp(`${what} belongs to somebody else$`));
    assert.deepEqual(more, []);
  }
});

Deno.test("Who has a name of its namespace by another way to it is told as somebody else", () => {
  const hidden = withValue(inPod("secret", { type: "dummy", interfaceName: "ta-x" }), "container", {
    netns: { name: "cni-1" },
  });
  const { interfaces } = want(hidden, ofTenant({ type: "dummy" }));
  const place = (id: string): FoundPlace => ({ id, path: "/p", namespace: "1:1", observed: NO_INTERFACES });
  const containers = new Map(["netns/cni-1", "pod/team-a/web-0"].map((id) => [id, place(id)]));
  const { waiting } = diffEverywhere(
    { interfaces, spared: [] },
    { host: NO_INTERFACES, containers, left: [] },
    MOMENT,
  );
  assert.deepEqual(waiting.map(({ why }) => why), ["somebody else has this name there"]);
});

Deno.test("Twenty thousand objects that a namespace may not have take seconds at most", () => {
  const many = Array.from(
    { length: 20_000 },
    (_, i) => parsed(inNamespace(POD_DUMMY, "team-c", `many-${i}`)),
  );
  const start = performance.now();
  const wanted = wantInterfaces(many, HERE);
  const report = reportOf({
    nodeName: "n1",
    objects: many,
    unread: [],
    wanted,
    plan: { steps: [], waiting: [] },
    failing: {},
    observed: NO_INTERFACES,
    moment: MOMENT,
  });
  assert.equal(report.objects.filter(({ troubles }) => troubles.length === 1).length, 20_000);
  const tookMs = performance.now() - start;
  assert.ok(tookMs < 4_000, `${tookMs} ms`);
});
