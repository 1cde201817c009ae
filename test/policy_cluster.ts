// A small cluster as tests of policy write it down: namespaces x, y and z with pods a, b and c each, all on node n1, and who
// may connect to whom in one line: `x/a > y/b tcp/80`.

import assert from "node:assert/strict";
import { type Address, parseAddress } from "../src/core/net/address.ts";
import type { Parsed, RejectedPart } from "../src/core/policy/objects.ts";
import { parseNamespace } from "../src/core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../src/core/policy/parse_network_policy.ts";
import { parsePod } from "../src/core/policy/parse_pod.ts";
import type { Flow } from "../src/core/policy/judge_flow.ts";
import { PolicyModel } from "../src/core/policy/policy_model.ts";
import type { Verdict } from "../src/core/policy/policy_table.ts";

/** What a test says of a Pod; the rest is that of a running one on n1. */
export interface PodWords {
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly labels?: unknown;
  readonly node?: string;
  readonly ips?: readonly unknown[];
  readonly phase?: string;
  readonly start?: string;
  readonly ports?: readonly unknown[];
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The core/v1 Pod object. */
export function podJson(words: PodWords): unknown {
  const { namespace = "x", name = "a", uid = `${namespace}-${name}`, labels = { pod: name } } = words;
  return {
    metadata: { namespace, name, uid, labels, ...words.metadata },
    spec: {
      nodeName: words.node ?? "n1",
      containers: [{ name: "one", ports: words.ports ?? [] }],
      ...words.spec,
    },
    status: {
      phase: words.phase ?? "Running",
      startTime: words.start ?? "2026-01-01T00:00:00Z",
      podIPs: (words.ips ?? []).map((ip) => ({ ip })),
    },
  };
}

/** The networking.k8s.io/v1 NetworkPolicy object. */
export function policyJson(spec: unknown, name = "policy", namespace = "x"): unknown {
  return { metadata: { namespace, name }, spec };
}

const NAMESPACES = ["x", "y", "z"];
const PODS = ["a", "b", "c"];

/** The addresses of a pod of the cluster. */
export function addressesOf(pod: string): [string, string] {
  const [namespace, name] = pod.split("/") as [string, string];
  const [i, j] = [NAMESPACES.indexOf(namespace), PODS.indexOf(name) + 1];
  return [`10.244.${i}.${j}`, `fd00:10:244:${"abc"[i]}::${j}`];
}

/** A model of node n1 and what was refused of the objects. */
export class PolicyCluster {
  readonly model = new PolicyModel({ nodeName: "n1" });
  readonly rejected: RejectedPart[] = [];

  /** The namespaces and pods above, labelled `ns: x` and `pod: a`; port `web` is 80 at pods a, 81 elsewhere. */
  static ordinary(): PolicyCluster {
    const cluster = new PolicyCluster();
    for (const namespace of NAMESPACES) {
      cluster.namespace(namespace, { ns: namespace });
      for (const name of PODS) {
        const ports = [{ name: "web", containerPort: name === "a" ? 80 : 81 }];
        cluster.pod({ namespace, name, ips: addressesOf(`${namespace}/${name}`), ports });
      }
    }
    return cluster;
  }

  pod(words: PodWords): void {
    this.model.putPod(this.#believed(parsePod(podJson(words), "test")));
  }

  namespace(name: string, labels: unknown = {}, annotations: unknown = {}): void {
    const json = { metadata: { name, labels, annotations } };
    this.model.putNamespace(this.#believed(parseNamespace(json, "test")));
  }

  policy(json: unknown): void {
    this.model.putPolicy(this.#believed(parseNetworkPolicy(json, "test")));
  }

  #believed<T>({ value, rejected }: Parsed<T>): T {
    this.rejected.push(...rejected);
    if (value === undefined) throw new Error(JSON.stringify(rejected));
    return value;
  }

  /** In both families, of `x/a > y/b tcp/80`, `192.0.2.1 > x/a icmp`; throws where they differ. */
  verdict(line: string): Verdict {
    const verdicts = new Set(flowsOf(line).map((flow) => this.model.judge(flow).verdict));
    if (verdicts.size > 1) throw new Error(`${line}: IPv4 and IPv6 differ`);
    return [...verdicts][0]!;
  }
}

/** The flows of a line, of each family that both ends have. */
export function flowsOf(line: string): Flow[] {
  const match = /^(\S+) > (\S+) (tcp|udp|sctp|icmp)(?:\/(\d+))?$/.exec(line);
  if (match === null) throw new Error(`"${line}" is no flow`);
  const [, from, to, protocol, port] = match as unknown as [string, string, string, string, string?];
  const ends = (end: string) =>
    (end.includes("/") ? addressesOf(end) : [end]).map((ip) => parseAddress(ip) as Address);
  return ends(from).flatMap((source) =>
    ends(to).filter(({ family }) => family === source.family).map((destination): Flow => ({
      source,
      destination,
      protocol: protocol === "icmp" ? "other" : protocol as "tcp",
      port: Number(port ?? 0),
    }))
  );
}

/** What policies of namespace x say of flows of the ordinary cluster. */
export interface FlowCase {
  readonly name: string;
  readonly specs: readonly unknown[];
  /** `+` passes, `-` does not. */
  readonly flows: readonly string[];
}

/** The flows with what the model says of them. */
export function saidOf({ specs, flows }: FlowCase): readonly string[] {
  const cluster = PolicyCluster.ordinary();
  specs.forEach((spec, i) => cluster.policy(policyJson(spec, `p${i}`)));
  assert.deepEqual(cluster.rejected, []);
  return flows.map((line) => `${cluster.verdict(line.slice(2)) === "accept" ? "+" : "-"} ${line.slice(2)}`);
}
