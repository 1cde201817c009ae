// A cluster with policies, as a model: 5,000 pods of 1,000 nodes in 50 namespaces, 110 of them on n1; policies that let in and
// out by the labels of namespaces.

import { parseNamespace } from "../../src/core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../src/core/policy/parse_network_policy.ts";
import { parsePod } from "../../src/core/policy/parse_pod.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import type { Node } from "../lab/node.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { memberOf } from "./cluster.ts";
import { DEADLINE_MS } from "./elements.ts";

type Json = Record<string, unknown>;

const NAMESPACES = 50;
const PODS = 5_000;
const LOCAL = 110;
/** n1 and members 1 and on of {@link memberOf}. */
export const NODES = 1_000;
/** Policies of the namespaces that this node has pods of; what is more is of others. */
const NEAR = 100;

/** Addresses of pod number `i`: the first ones are of node n1. */
export function podAddresses(i: number): [string, string] {
  if (i < LOCAL) return [`10.244.1.${i + 9}`, `fd00:10:244:1::${(i + 9).toString(16)}`];
  const [v4, v6] = memberOf(1 + i % (NODES - 1)).podCidrs as [string, string];
  const host = 5 + Math.floor(i / (NODES - 1));
  return [v4.replace(/0\/24$/, String(host)), v6.replace(/\/64$/, host.toString(16))];
}

/** The Pod object. */
export function podOf(i: number, ips = podAddresses(i)): unknown {
  return {
    metadata: {
      namespace: `ns-${i % NAMESPACES}`,
      name: `pod-${i}`,
      uid: `${i}`,
      labels: { app: `app-${i % 7}` },
    },
    spec: {
      nodeName: i < LOCAL ? "n1" : `node-${1 + i % (NODES - 1)}`,
      containers: [{ name: "c", image: "i", ports: [{ name: "http", containerPort: 8080 }] }],
    },
    status: { phase: "Running", podIPs: ips.map((ip) => ({ ip })) },
  };
}

function policyOf(i: number): unknown {
  const namespace = i < NEAR ? `ns-${i % NAMESPACES}` : `far-${i % NAMESPACES}`;
  const teams = [{ namespaceSelector: { matchLabels: { even: "yes" } } }, {
    namespaceSelector: { matchLabels: { team: `team-${i % 25}` } },
  }];
  const anybody = [{ namespaceSelector: {} }];
  return {
    metadata: { namespace, name: `policy-${i}` },
    spec: {
      podSelector: i % 2 === 0 ? {} : { matchLabels: { app: `app-${i % 7}` } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        { from: teams, ports: [{ port: 80 }, { port: 8000, endPort: 8100 }, { port: "http" }] },
        { from: anybody, ports: [{ protocol: "UDP", port: 1_024, endPort: 65_535 }] },
      ],
      egress: [{ to: anybody, ports: [{ protocol: "UDP", port: 1_024, endPort: 65_535 }] }, { to: teams }],
    },
  };
}

function namespaces(): unknown[] {
  return Array.from({ length: NAMESPACES }, (_, i) => {
    const labels = { team: `team-${i % 25}`, even: i % 2 === 0 ? "yes" : "no" };
    return [{ metadata: { name: `ns-${i}`, labels } }, { metadata: { name: `far-${i}`, labels: {} } }];
  }).flat();
}

function numbered(count: number, objectOf: (i: number) => unknown): unknown[] {
  return Array.from({ length: count }, (_, i) => objectOf(i));
}

/** All of it, with so many policies. */
export function policedModel(policies: number): PolicyModel {
  const model = new PolicyModel({ nodeName: "n1" });
  for (const namespace of namespaces()) model.putNamespace(parseNamespace(namespace, "bench").value!);
  for (const pod of numbered(PODS, podOf)) model.putPod(parsePod(pod, "bench").value!);
  for (const policy of numbered(policies, policyOf)) {
    model.putPolicy(parseNetworkPolicy(policy, "bench").value!);
  }
  return model;
}

/** The Pod as a folder or etcd has it, with `more` in its spec. */
export function podObject(i: number, ips = podAddresses(i), more: Json = {}): Json {
  const { metadata, spec, ...rest } = podOf(i, ips) as { metadata: Json; spec: Json };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { ...spec, ...more }, ...rest };
}

/** All of it as objects with their kinds. */
export function policedObjects(
  policies: number,
): Readonly<Record<"namespaces" | "pods" | "policies", Json[]>> {
  const ofKind = (apiVersion: string, kind: string, objects: readonly unknown[]) =>
    objects.map((object) => ({ apiVersion, kind, ...object as object }));
  return {
    namespaces: ofKind("v1", "Namespace", namespaces()),
    pods: numbered(PODS, (i) => podObject(i)) as Json[],
    policies: ofKind("networking.k8s.io/v1", "NetworkPolicy", numbered(policies, policyOf)),
  };
}

/** Waits until an agent has the policies in the kernel. */
export async function standing(node: Node, agent: Process): Promise<void> {
  await until("the policies to stand", async () => {
    const { stdout } = await node.attempt(["nft", "list", "map", "inet", "wigglenet", "policy-ingress-v4"]);
    return stdout.includes("goto i4-");
  }, { deadlineMs: DEADLINE_MS, seen: () => agent.tail() });
}
