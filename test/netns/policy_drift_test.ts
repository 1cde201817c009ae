// What somebody does to policies in the kernel is mended, and what policies do to flows that are there.

import assert from "node:assert/strict";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "./mesh.ts";
import { withoutMoving } from "./state.ts";

const mesh = await Mesh.create({ nodes: 2 });
const { lab } = mesh;
const [n1] = mesh.nodes as [Node, Node];
const [here, there] = mesh.pods as [Pod, Pod];
Deno.test.afterAll(() => mesh.close());

const ALLOW = policyObject("allow", here.name, {
  policyTypes: ["Ingress"],
  ingress: [{ from: [{ podSelector: { matchLabels: { app: there.name } } }], ports: [{ port: 80 }] }, {
    from: [{ podSelector: { matchLabels: { app: there.name } } }],
    ports: [{ port: 9, protocol: "UDP" }],
  }],
});

await putPods(lab, mesh.pods);

/** In one order: objects stand in that of their making. */
async function table(): Promise<string> {
  const { stdout } = await n1.attempt(["nft", "list", "table", "inet", "wigglenet"]);
  return withoutMoving(stdout).split("\n").sort().join("\n");
}

async function becomes(wanted: string, deadlineMs: number): Promise<void> {
  await until("the table to be as before", async () => await table() === wanted, {
    deadlineMs,
    seen: async () => `${n1.agent?.tail()}\n${await table()}`,
  });
}

function nameIn(text: string, pattern: RegExp): string {
  const name = pattern.exec(text)?.[1];
  assert.ok(name !== undefined, `${pattern} is not in\n${text}`);
  return name;
}

Deno.test("whatever somebody does to the policies is mended within a second", async (t) => {
  await putFile(lab, ALLOW);
  await until("the policy", async () => /policy-ingress-v4[^]*goto i4-/.test(await table()), {
    deadlineMs: 3_000,
  });
  await n1.inSync();
  const before = await table();
  const content = nameIn(before, /chain (i4-[a-z2-7]{16}) \{/);
  const peers = nameIn(before, /set (p4-[a-z2-7]{16}) \{/);
  const acts: Readonly<Record<string, string>> = {
    "a set is flushed": `flush set inet wigglenet ${peers}`,
    "a stranger is let in": `add element inet wigglenet ${peers} { 192.0.2.7 }`,
    "the bindings are flushed": "flush map inet wigglenet policy-ingress-v4",
    "a content's rules are flushed": `flush chain inet wigglenet ${content}.drop`,
    "a rule is put in front": `insert rule inet wigglenet ${content} accept`,
    "a rule is put behind": `add rule inet wigglenet ${content} accept`,
    "the way there is cut": "flush chain inet wigglenet policies",
    "a chain that nobody knows": "add chain inet wigglenet i4-aaaaaaaaaaaaaaaa",
    "the table is gone": "delete table inet wigglenet",
    "everything is gone": "flush ruleset",
  };
  for (const [what, act] of Object.entries(acts)) {
    await t.step(what, async () => {
      await n1.run(["nft", act]);
      // What nobody asked for is left for five seconds.
      await becomes(before, what.startsWith("a chain") ? 8_000 : 2_000);
      await n1.inSync();
    });
  }
});

Deno.test("a flow that is not allowed any more ends within a second, one that is goes on", async () => {
  await putFile(lab, ALLOW);
  await n1.inSync();
  const tuple = (port: number, [from, to] = [there, here]) =>
    `-A -t 3600 -u SEEN_REPLY,ASSURED -s ${from.address(4)} -d ${to.address(4)} -r ${to.address(4)} -q ${
      from.address(4)
    }` +
    ` -p tcp --sport 4000 --dport ${port} --reply-port-src ${port} --reply-port-dst 4000 --state ESTABLISHED\n`;
  await n1.run(["conntrack", "-R", "-"], { stdin: tuple(80) + tuple(81) });
  const flows = async () =>
    (await n1.run(["conntrack", "-L", "-p", "tcp"])).match(/dport=(80|81) src/g)?.sort().join() ?? "";
  assert.equal(await flows(), "dport=80 src,dport=81 src");
  // Another port: tighter than before, port 80 stays.
  const spec = { ...(ALLOW.spec as { ingress: unknown[] }) };
  await putFile(lab, { ...ALLOW, spec: { ...spec, ingress: spec.ingress.slice(0, 1) } });
  await until("the flow to end", async () => await flows() === "dport=80 src", {
    deadlineMs: 2_000,
    seen: async () => `${await flows()}\n${n1.agent?.tail()}`,
  });
  const revoked = await n1.run(["nft", "list", "set", "inet", "wigglenet", "policy-revoked-v4"]);
  assert.match(revoked, /4000 \. 81/);
  await removeFile(lab, "NetworkPolicy", "allow");
});
