// NetworkPolicies out of files, from their file to real packets between pods of two nodes.

import assert from "node:assert/strict";
import type { Node } from "../lab/node.ts";
import type { Pod } from "../lab/pod.ts";
import { NAMESPACE, podObject, policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import { lost, Mesh } from "./mesh.ts";
import { withoutMoving } from "./state.ts";

const mesh = await Mesh.create({ nodes: 2 });
const { lab } = mesh;
const [n1] = mesh.nodes as [Node, Node];
const [here, there] = mesh.pods as [Pod, Pod];
Deno.test.afterAll(() => mesh.close());

const DENY = policyObject("deny", here.name, { policyTypes: ["Ingress"] });
const ALLOW = policyObject("allow", here.name, {
  policyTypes: ["Ingress"],
  ingress: [{ from: [{ podSelector: { matchLabels: { app: there.name } } }] }],
});

await putPods(lab, mesh.pods);

async function passes(from: { ping: Pod["ping"] }, to: Pod): Promise<boolean> {
  const answers = await Promise.all(
    ([4, 6] as const).map((family) => from.ping(to.address(family)!, { timeoutMs: 300 })),
  );
  const received = answers.map(({ received }) => received);
  assert.equal(new Set(received).size, 1, "IPv4 and IPv6 differ");
  return received[0] === 1;
}

async function becomes(isOpen: boolean, deadlineMs: number): Promise<void> {
  const what = `${here.name} to be ${isOpen ? "open" : "closed"} for ${there.name}`;
  await until(what, async () => {
    const answers = await Promise.all(
      ([4, 6] as const).map((family) => there.ping(here.address(family)!, { timeoutMs: 200 })),
    );
    return answers.every(({ received }) => received === (isOpen ? 1 : 0));
  }, {
    deadlineMs,
    seen: async () => `${JSON.stringify(await n1.status(), null, 1)}\n${n1.agent?.tail()}\n${await table()}`,
  });
}

async function table(): Promise<string> {
  return (await n1.attempt(["nft", "list", "table", "inet", "wigglenet"])).stdout;
}

Deno.test("a policy's file appears and packets stop within a second; it goes and they pass", async () => {
  await becomes(true, 5_000);
  const startMs = performance.now();
  await putFile(lab, DENY);
  await becomes(false, 3_000);
  const closedMs = performance.now() - startMs;
  assert.ok(await passes(here, there), "what goes out, and its answers, pass");
  assert.ok(await passes(n1, here), "the node reaches its own pod");
  await removeFile(lab, "NetworkPolicy", "deny");
  await becomes(true, 3_000);
  // Of that a fifth of a second was waited for an answer that did not come.
  assert.ok(closedMs < 1_500, `closed after ${Math.round(closedMs)} ms`);
});

Deno.test("what the peers of a policy are decides, as they change", async () => {
  await putFile(lab, DENY);
  await becomes(false, 3_000);
  await putFile(lab, ALLOW);
  await becomes(true, 3_000);
  const stranger = podObject(there);
  await putFile(lab, {
    ...stranger,
    metadata: { name: there.name, namespace: "default", labels: { app: "other" } },
  });
  await becomes(false, 3_000);
  await putFile(lab, stranger);
  await becomes(true, 3_000);
});

Deno.test("an agent that is killed and started anew neither opens nor closes anything", async () => {
  await putFile(lab, ALLOW);
  await becomes(true, 3_000);
  const rules = async () => withoutMoving(await table());
  // What nobody is bound to any more goes some seconds later.
  const contents = async () => new Set((await rules()).match(/\b[ie]4-[a-z2-7]{16}/g)).size;
  await until("the policy to stand alone", async () => {
    return (await rules()).includes("set p4-") && await contents() === 1;
  });
  const before = await rules();
  const probe = await mesh.probe(200);
  await n1.agent!.kill("SIGKILL");
  assert.equal(await rules(), before);
  n1.startAgent({ settings: mesh.settings });
  await n1.inSync();
  await n1.says("policies to be known", ({ policies }) => policies?.isKnown === true);
  const { there: forth, back } = await probe.stop();
  assert.deepEqual([lost(forth), lost(back)], [0, 0], "packets were lost");
  assert.equal(await rules(), before);
});

Deno.test("with ENABLE_NETWORK_POLICY=false nothing of it is left, and the agent after it has it again", async () => {
  await removeFile(lab, "NetworkPolicy", "allow");
  await putFile(lab, DENY);
  await becomes(false, 3_000);
  await n1.agent!.kill("SIGTERM");
  assert.ok(!await passes(there, here), "an agent that ends opens nothing");
  n1.startAgent({ settings: { ...mesh.settings, "enable-network-policy": "false" } });
  await becomes(true, 10_000);
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings: mesh.settings });
  await becomes(false, 10_000);
  await removeFile(lab, "NetworkPolicy", "deny");
  await becomes(true, 3_000);
});

Deno.test("explain says the policy that decides, and that the kernel agrees; diff says when it does not", async () => {
  await putFile(lab, DENY);
  await becomes(false, 3_000);
  const ask = async (...args: string[]) => {
    const { code, stdout, stderr } = await n1.runAgent({ verb: "explain", args, settings: mesh.settings });
    return `${code}\n${stdout}${stderr}`;
  };
  const flow = ["--from", `default/${there.name}`, "--to", `default/${here.name}:80/tcp`];
  assert.match(
    await ask(...flow),
    /^1\n.*is dropped\n.*isolated by default\/deny.*\n {2}the kernel agrees\n/,
  );
  await putFile(lab, ALLOW);
  await becomes(true, 3_000);
  assert.match(
    await ask(...flow),
    /^0\n.*passes\n.*allowed by default\/allow spec\.ingress\[0\].*\n {2}the kernel agrees\n/,
  );
  assert.match(await ask("--from", "10.0.0.1", "--to", "default/nobody:80"), /^2\n.*no pod default\/nobody/);
  const diff = async () => {
    const { code, stdout } = await n1.runAgent({ verb: "diff", settings: mesh.settings });
    return `${code} ${stdout}`;
  };
  await until("nothing to differ", async () => (await diff()).startsWith("0 "), { seen: diff });
  await n1.agent!.kill("SIGTERM");
  const map = "policy-ingress-v4";
  await n1.run(["nft", "delete", "element", "inet", "wigglenet", map, "{", here.address(4)!, "}"]);
  assert.match(await diff(), /^1 /);
  assert.match(await ask(...flow), /^2\n[^]*the kernel differs: policy-ingress-v4 leads .* to nothing/);
  n1.startAgent({ settings: mesh.settings });
  await until("it to be healed", async () => (await diff()).startsWith("0 "), { seen: diff });
  for (const name of ["deny", "allow"]) await removeFile(lab, "NetworkPolicy", name);
  await becomes(true, 3_000);
});

/** Lines of n1's log that hold this. */
function told(what: string): string[] {
  return n1.agent!.stderr.filter((line) => line.includes(what));
}

/** A datagram each: what is not let in is not answered either. */
async function send(from: Pod, to: string, ports: readonly number[]): Promise<void> {
  await from.run(["bash", "-c", ports.map((port) => `echo > /dev/udp/${to}/${port}`).join("; ")]);
}

Deno.test("with POLICY_LOG=drop the log tells who was not let in, where, and by which policy", async (t) => {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings: { ...mesh.settings, "policy-log": "drop" } });
  const hostile = podObject(there);
  hostile.metadata = { ...hostile.metadata as object, name: 'x"; drop\nerror' };
  await putFile(lab, { ...hostile, metadata: { ...hostile.metadata as object, name: "hostile" } });
  await Deno.writeTextFile(`${lab.nodesFolder}/Pod-hostile.json`, JSON.stringify(hostile));
  await putFile(lab, DENY);
  await becomes(false, 10_000);
  const [from, to] = [there.address(4)!, here.address(4)!];
  const seen = () => Promise.resolve(n1.agent!.tail(40));
  let port = 1_000;
  await until("the agent to listen", async () => {
    await send(there, to, [port++]);
    return told("policies drop").length > 0;
  }, { seen });

  await t.step("each flow once", async () => {
    await send(there, to, [53, 53, 53]);
    await until("a line", () => Promise.resolve(told("port=53").length > 0), { deadlineMs: 3_000, seen });
    const expected = `policies drop direction=ingress source=${from} from=default/${there.name} ` +
      `destination=${to} to=default/${here.name} protocol=udp port=53 why="no rule allows it" policies=default/deny`;
    assert.deepEqual(told("port=53").map((line) => line.slice(line.indexOf("policies drop"))), [expected]);
    await send(there, here.address(6)!, [54]);
    await until("a line", () => Promise.resolve(told("port=54").length > 0), { deadlineMs: 3_000, seen });
    assert.match(told("port=54")[0]!, /direction=ingress source=\S+:\S+ from=/);
  });

  await t.step("not more than some a second, and all are counted", async () => {
    await send(there, to, Array.from({ length: 200 }, (_, i) => 10_000 + i));
    const counted = async () => (await n1.status())?.policies?.drops?.[0];
    await until("all to be counted", async () => (await counted())!.packets >= 204, { seen });
    const { direction, verdict, policies } = (await counted())!;
    assert.deepEqual([direction, verdict, policies], ["ingress", "drop", ["default/deny"]]);
    const lines = told("port=1").length;
    assert.ok(lines > 0 && lines <= 40, `${lines} lines`);
  });

  await t.step("a name that is none breaks neither lines nor rules", async () => {
    const isLine = (line: string) => /^\d{4}-\d\d-\d\dT\S+ (info |warn |error|debug) /.test(line);
    await until("it to be refused", () => Promise.resolve(told("DNS-1123").length > 0), { seen });
    assert.deepEqual(n1.agent!.stderr.filter((line) => !isLine(line)), []);
    assert.doesNotMatch(await table(), /error/);
    await removeFile(lab, "Pod", "hostile");
  });
  await removeFile(lab, "NetworkPolicy", "deny");
});

Deno.test("what is in audit passes, and is told of without POLICY_LOG, and counted", async () => {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings: mesh.settings });
  const annotations = { "wigglenet/audit": "true" };
  await putFile(lab, { ...DENY, metadata: { ...DENY.metadata as object, annotations } });
  const isThere = async () => (await table()).includes(".audit {");
  await until("the audit", isThere, { deadlineMs: 10_000, seen: table });
  // Nobody knows when nft's monitor listens.
  await until("a line", async () => {
    assert.ok(await passes(there, here));
    return told("would drop").length > 0;
  }, { seen: () => n1.agent!.tail() });
  assert.match(told("would drop")[0]!, /direction=ingress .* policies=default\/deny$/);
  const { verdict, packets } = (await n1.status())!.policies!.drops![0]!;
  assert.ok(verdict === "audit" && packets >= 2, `${packets} ${verdict}`);
  await putFile(lab, DENY);
  await becomes(false, 3_000);
  // Of a Namespace: all of its policies.
  await putFile(lab, { ...NAMESPACE, metadata: { ...NAMESPACE.metadata, annotations } });
  await becomes(true, 3_000);
  await putFile(lab, NAMESPACE);
  await becomes(false, 3_000);
  await removeFile(lab, "NetworkPolicy", "deny");
});
