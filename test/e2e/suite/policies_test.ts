// NetworkPolicies of a real cluster, as its kubelets, kube-proxy and API server have it. All corners are in test/packet;
// here is that they are enforced at all, for real pods, by every family that the cluster has.

import assert from "node:assert/strict";
import { until } from "../../lab/until.ts";
import { Flows } from "../flows.ts";
import { guestManifests, GUESTS, HTTP, NAMESPACE, probedManifest } from "../pods.ts";
import { withoutAnswer, withoutLoss } from "../probes.ts";
import { World } from "../world.ts";

const world = await World.standing();
const flows = new Flows(world);
Deno.test.beforeAll(makeGuest);
Deno.test.afterAll(async () => {
  await world.cluster.kubectl(["delete", "namespace", GUESTS, "--wait=false"]);
});

const DENY_INGRESS = { podSelector: {}, policyTypes: ["Ingress"] };
const DENY_ALL = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
const WEB = { podSelector: { matchLabels: { role: "web" } } };
const FAR = { podSelector: { matchLabels: { place: "far" } } };

/** A pod in another namespace, on the far node. */
async function makeGuest(): Promise<void> {
  await until("the account of the guests' namespace", async () => {
    await world.cluster.apply(guestManifests(world.far));
    return true;
  }, { pauseMs: 200, deadlineMs: 30_000 });
  const ready = ["wait", "--for=condition=Ready", "pod", "guest", "--timeout=60s"];
  await world.cluster.kubectl(["-n", GUESTS, ...ready], { deadlineMs: 65_000 });
}

/** Does the work while the namespace of the pods has a policy, `tried`. */
async function given(spec: unknown, work: () => Promise<void>): Promise<void> {
  const metadata = { name: "tried", namespace: NAMESPACE };
  const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec };
  await world.cluster.apply(JSON.stringify(policy));
  try {
    await work();
  } finally {
    await world.cluster.kubectl(["-n", NAMESPACE, "delete", "networkpolicy", "tried"]);
  }
}

Deno.test("no pod reaches a pod that no rule lets it reach, on one node and across; a policy deleted opens again", async () => {
  await given(DENY_INGRESS, async () => {
    await flows.hold(["- one > two", "- one > far", "- far > two", "- guest > two", "+ one > guest"]);
  });
  await flows.hold(["+ one > two", "+ one > far", "+ far > two", "+ guest > two"]);
});

Deno.test("a pod that may send to nobody receives, and answers", async () => {
  const spec = { podSelector: {}, policyTypes: ["Egress"] };
  await given(spec, () => flows.hold(["- one > two", "- one > far", "- one > guest", "+ guest > one"]));
});

Deno.test("a node reaches its own pods and they reach it under deny-all; another node does not", async () => {
  await given(DENY_ALL, async () => {
    await flows.hold(["+ node/near > two", "- node/far > two", "+ one > node/near", "- one > two"]);
  });
});

Deno.test("kubelet's probes pass under deny-all: a pod becomes ready", async () => {
  await given(DENY_ALL, async () => {
    const wanted = ["-n", NAMESPACE, "wait", "--for=condition=Ready", "pod", "probed", "--timeout=60s"];
    await world.cluster.apply(probedManifest("probed", world.far));
    try {
      await world.cluster.kubectl(wanted, { deadlineMs: 65_000 });
      await flows.hold(["- one > probed", "- far > probed", "+ node/far > probed"]);
    } finally {
      await world.cluster.kubectl(["-n", NAMESPACE, "delete", "pod", "probed"]);
    }
  });
});

Deno.test("pods with a label are let in, by a podSelector: those of the policy's namespace", async () => {
  const spec = { ...WEB, ingress: [{ from: [FAR] }] };
  await given(spec, () => flows.hold(["+ far > two", "- one > two", "- guest > two"]));
});

Deno.test("pods of another namespace are let in, by a namespaceSelector", async () => {
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": GUESTS } };
  const spec = { ...WEB, ingress: [{ from: [{ namespaceSelector }] }] };
  await given(spec, () => flows.hold(["+ guest > two", "+ guest > far", "- one > two", "- far > two"]));
});

Deno.test("a port is let in by its name, and none by a name that no container has", async () => {
  const spec = (port: string) => ({ ...WEB, ingress: [{ ports: [{ port }] }] });
  await given(spec("http"), () => flows.hold(["+ one > two", "+ guest > far"]));
  await given(spec("nobody"), () => flows.hold(["- one > two", "- guest > far"]));
});

Deno.test("an ipBlock lets addresses out, but for its exceptions", async () => {
  const blocks = await Promise.all(world.families.map(async (family) => {
    const [cidr, bits] = family === "v4" ? ["0.0.0.0/0", 32] : ["::/0", 128];
    return { ipBlock: { cidr, except: [`${await world.podAddress("far", family)}/${bits}`] } };
  }));
  const spec = { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: blocks }] };
  await given(spec, () => flows.hold(["+ one > two", "+ one > guest", "- one > far"]));
});

Deno.test("what comes through a Service is judged by who sends and by the pod's own port", async () => {
  const spec = { ...FAR, ingress: [{ from: [WEB], ports: [{ port: HTTP }] }] };
  await given(
    spec,
    () => flows.hold(["+ two > service/far", "- one > service/far", "- guest > service/far"]),
  );
});

Deno.test("an agent that is killed neither opens nor closes anything", async () => {
  await given({ ...WEB, ingress: [{ from: [FAR] }] }, async () => {
    await flows.hold(["+ far > two", "- one > two"]);
    const kill = async () => {
      await world.killAgent(world.near);
      await world.agentsInSync();
    };
    await withoutLoss(world, () => withoutAnswer(world, kill, [["one", "two"]]), [["far", "two"]]);
    await flows.hold(["+ far > two", "- one > two"]);
  });
});

Deno.test("explain names the policy that decides, and the kernel agrees", async () => {
  await given({ ...WEB, ingress: [{ from: [FAR] }] }, async () => {
    await flows.hold(["+ far > two", "- one > two"]);
    for (const [from, verdict, code] of [["far", "accept", 0], ["one", "drop", 1]] as const) {
      const ends = ["--from", `${NAMESPACE}/${from}`, "--to", `${NAMESPACE}/two:${HTTP}/tcp`];
      const said = await world.inAgent(world.near, ["wigglenet", "explain", ...ends, "--json"]);
      assert.equal(said.code, code, said.stdout + said.stderr);
      const answers = JSON.parse(said.stdout);
      assert.equal(answers.length, world.families.length, said.stdout);
      for (const answer of answers) {
        const ingress = answer.reasons.find(({ direction }: { direction: string }) =>
          direction === "ingress"
        );
        assert.deepEqual([answer.verdict, answer.differs], [verdict, []], said.stdout);
        assert.deepEqual(ingress.isolating, [`${NAMESPACE}/tried`]);
        assert.deepEqual(
          ingress.allowing,
          verdict === "accept" ? [`${NAMESPACE}/tried spec.ingress[0]`] : [],
        );
      }
    }
  });
});

Deno.test("no agent has logged an error", async () => {
  assert.deepEqual(await world.agentErrors(), []);
});
