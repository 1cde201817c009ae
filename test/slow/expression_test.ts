// Pod CIDRs by expression, while the host, the Node and the expression change.

import assert from "node:assert/strict";
import { Lab } from "../lab/lab.ts";
import type { Manifest } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { differences, readState } from "../netns/state.ts";

const ROUTED = `interfaces["routed0"].filter(p, p.prefixLength() == 64)[0]`;

/** A node with an interface that a /64 is routed to. */
async function routedNode(): Promise<{ lab: Lab; node: Node } & AsyncDisposable> {
  const lab = await Lab.create({ nodes: 2 });
  const node = lab.nodes[0]!;
  await node.ip(["link add routed0 type veth peer name routed1", "link set routed0 up", address("add", 1)]);
  return { lab, node, [Symbol.asyncDispose]: () => lab.close() };
}

function address(change: "add" | "del", i: number): string {
  return `address ${change} 2001:db8:${i}:1234::5/64 dev routed0${change === "add" ? " nodad" : ""}`;
}

function byExpression(text: string): Record<string, string> {
  return { "pod-cidr-source-ipv6": "expression", "pod-cidr-expression": text };
}

async function follows(node: Node, prefix: string): Promise<void> {
  await until(`the CNI file to have ${prefix}`, async () => (await node.conflist()).includes(prefix), {
    seen: () => node.diagnose(),
  });
}

Deno.test("an address that goes leaves the last CIDRs, and status says why; another one is followed", async () => {
  await using routed = await routedNode();
  const { node } = routed;
  node.startAgent({ settings: byExpression(`${ROUTED}.subnet(80, 1)`) });
  await follows(node, "2001:db8:1:1234:1::/80");
  await node.inSync();
  const before = await readState(node);

  await node.ip([address("del", 1)]);
  await node.says(
    "the last CIDRs are kept",
    ({ rejected }) =>
      rejected.some(({ claim, reason }) =>
        claim === "POD_CIDR_EXPRESSION" &&
        /No such key: routed0; its last CIDRs are kept; .*eth0/.test(reason)
      ),
  );
  assert.equal(differences(before, await readState(node)), "");
  assert.ok(node.agent!.isRunning);

  await node.ip([address("add", 2)]);
  await follows(node, "2001:db8:2:1234:1::/80");
  await node.says("all is well", ({ applied, rejected }) => applied.isInSync && rejected.length === 0);
  assert.doesNotMatch(await readState(node), /2001:db8:1:1234/);
});

Deno.test("a label of our own Node is followed, one that goes leaves the last CIDRs", async () => {
  await using routed = await routedNode();
  const { lab, node } = routed;
  const labelled = (labels: Record<string, string>): Manifest => ({
    ...node.manifest,
    metadata: { ...node.manifest.metadata, labels },
  });
  const text = `${ROUTED}.subnet(80, int(node.labels["example.com/index"]))`;
  // Without the label nothing starts, and nothing was changed.
  const { code, stderr } = await node.runAgent({ verb: "run", settings: byExpression(text) });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /POD_CIDR_EXPRESSION: .*No such key: example\.com\/index; the interfaces that it saw: .*routed0/,
  );
  assert.equal(await node.run(["nft", "list", "ruleset"]), "");

  await lab.publish(labelled({ "example.com/index": "7" }));
  node.startAgent({ settings: byExpression(text) });
  await follows(node, "2001:db8:1:1234:7::/80");
  await lab.publish(labelled({ "example.com/index": "8" }));
  await follows(node, "2001:db8:1:1234:8::/80");
  await lab.publish(labelled({}));
  await node.says(
    "the last CIDRs are kept",
    ({ rejected }) =>
      rejected.some(({ reason }) => /No such key: example.com\/index; its last CIDRs are kept/.test(reason)),
  );
  assert.match(await node.conflist(), /2001:db8:1:1234:8::\/80/);
});

Deno.test("the file of the expression is followed, a broken one is named", async () => {
  await using routed = await routedNode();
  const { node } = routed;
  const path = `${node.folder}/pod-cidr.cel`;
  const write = async (text: string) => {
    await Deno.writeTextFile(path, text);
    await node.ip(["link add other0 type veth peer name other1", "link del other0"]); // the host's facts are read again
  };
  await Deno.writeTextFile(path, `${ROUTED}.subnet(80, 1) // the file wins`);
  node.startAgent({ settings: { ...byExpression("nonsense"), "pod-cidr-expression-path": path } });
  await follows(node, "2001:db8:1:1234:1::/80");
  await write(`${ROUTED}.subnet(80, 2)`);
  await follows(node, "2001:db8:1:1234:2::/80");
  await write(`${ROUTED}.subnet(80, "3")`);
  await node.says(
    "the file is broken",
    ({ rejected }) =>
      rejected.some(({ claim, reason }) =>
        claim === `POD_CIDR_EXPRESSION_PATH ${path}` && /no matching overload.*stays in force$/.test(reason)
      ),
  );
  await Deno.remove(path);
  await write(`${ROUTED}.subnet(80, 4)`);
  await follows(node, "2001:db8:1:1234:4::/80");
  await node.says("all is well", ({ rejected }) => rejected.length === 0);
});

Deno.test("node, render, diff and check say what the expression gives, or why it gives nothing", async () => {
  await using routed = await routedNode();
  const { node } = routed;
  const good = byExpression(`${ROUTED}.subnet(80, 1)`);
  const bad = byExpression(`interfaces["eth9"][0]`);
  const ask = (verb: string, settings: Record<string, string>) => node.runAgent({ verb, settings });

  assert.match((await ask("node", good)).stdout, /2001:db8:1:1234:1::\/80/);
  const unknown = await ask("node", bad);
  assert.equal(unknown.code, 1);
  assert.match(
    unknown.stderr,
    /POD_CIDR_EXPRESSION: .*No such key: eth9; .*routed0 \(2001:db8:1:1234::5\/64\)/,
  );

  const rendered = await ask("render", good);
  assert.equal(rendered.code, 0, rendered.stderr);
  assert.match(rendered.stdout, /POD_CIDR_EXPRESSION: render knows no interfaces/);
  const alone = await ask(
    "render",
    byExpression(`cidr("2001:db8::/64").subnet(80, int(node.name.substring(1)))`),
  );
  assert.match(alone.stdout, /2001:db8:0:0:1::\/80/);
  assert.equal((await ask("render", byExpression("1"))).code, 1);

  assert.match((await ask("diff", good)).stdout, /2001:db8:1:1234:1::/);
  const untold = await ask("diff", bad);
  assert.deepEqual([untold.code, untold.stdout], [2, ""]);
  assert.match(untold.stderr, /cannot tell: POD_CIDR_EXPRESSION: .*No such key: eth9/);

  assert.doesNotMatch((await ask("check", good)).stdout, /POD_CIDR_EXPRESSION/);
  assert.match(
    (await ask("check", bad)).stdout,
    /^error: POD_CIDR_EXPRESSION: .*eth9.*; without a pod CIDR/m,
  );
});
