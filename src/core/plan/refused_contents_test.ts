import assert from "node:assert/strict";
import { PolicyCluster, policyJson } from "../../../test/policy_cluster.ts";
import { policyObjects } from "../render/render_policy.ts";
import { renderAlone, withClosed } from "./refused_contents.ts";

const OPTIONS = { isUnknownClosed: false, isLogged: false };

Deno.test("A content that is refused keeps its name and its pods, and allows nothing", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson({ podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] }));
  const desired = cluster.model.desired();
  const [name] = [...desired.contents.keys()].filter((content) => content.startsWith("i4-"));
  const before = policyObjects(desired, OPTIONS);
  const after = policyObjects(withClosed(desired, new Set([name!])), OPTIONS);
  assert.deepEqual(after.chains.get(name!), [`goto ${name}.drop`]);
  assert.deepEqual(after.sets, before.sets);
  assert.deepEqual(after.chains.get(`${name}.drop`), before.chains.get(`${name}.drop`));
  assert.equal(withClosed(desired, new Set(["another"])), desired);
});

Deno.test("Contents alone are rendered for a table that no packet sees", () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson({ podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }));
  const desired = cluster.model.desired();
  const text = renderAlone([...desired.contents.values()], desired, OPTIONS);
  assert.doesNotMatch(text, /inet wigglenet[ \n]/);
  assert.doesNotMatch(text, /hook/);
});
