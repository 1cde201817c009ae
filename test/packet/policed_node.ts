// A node whose table enforces policies. What they say reaches the kernel as it does in the agent: as changes of the model.

import { diffPolicy } from "../../src/core/plan/diff_policy.ts";
import { changePolicy } from "../../src/core/plan/change_policy.ts";
import { isClean, NO_GARBAGE, standingOf, type StandingPolicy } from "../../src/core/plan/standing_policy.ts";
import { NO_POLICY } from "../../src/core/observed/parse_policy.ts";
import { parseNamespace } from "../../src/core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../src/core/policy/parse_network_policy.ts";
import { parsePod } from "../../src/core/policy/parse_pod.ts";
import { dropLineOf } from "../../src/core/policy/drop_line.ts";
import { tracedDropOf } from "../../src/core/observed/traced_drop.ts";
import type { Parsed, RejectedPart } from "../../src/core/policy/objects.ts";
import { parsePrefix, type Prefix } from "../../src/core/net/prefix.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { parseTable } from "../../src/core/observed/parse_table.ts";
import {
  firstPacketOf,
  parseEstablishedFlow,
  renderRevocation,
} from "../../src/core/policy/established_flow.ts";
import { renderRevoked } from "../../src/core/render/render_revoked.ts";
import {
  policyObjects,
  type PolicyOptions,
  renderPolicyGarbage,
} from "../../src/core/render/render_policy.ts";
import { CabledNode, type CabledNodeOptions, PLACES } from "./cabled_node.ts";
import { judge } from "./table.ts";

interface PortJson {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol?: string;
}

/** A pod of the lab: where, in which namespace, with what to be selected by. */
interface PodOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, unknown>>;
  readonly node?: string;
  /** Default: those of the place of its name. */
  readonly ips?: readonly string[];
  readonly startTime?: string;
  readonly ports?: readonly PortJson[];
  /** Of a second container. */
  readonly beside?: readonly PortJson[];
  readonly initContainers?: readonly unknown[];
  readonly phase?: string;
  readonly hostNetwork?: boolean;
  readonly more?: Readonly<Record<string, unknown>>;
}

const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  x: { team: "x" },
  y: { team: "y" },
  z: {},
};
const NODES: Readonly<Record<string, readonly string[]>> = {
  n1: ["10.244.1.0/24", "fd00:10:244:1::/64"],
  n2: ["10.244.2.0/24", "fd00:10:244:2::/64"],
};
const PODS: Readonly<Record<string, PodOptions>> = {
  "pod-a": {
    labels: { app: "a", tier: "front", pod: "a" },
    ports: [{ name: "http", containerPort: 80 }, { name: "dns", containerPort: 53, protocol: "UDP" }],
    beside: [{ name: "http", containerPort: 8081 }],
    initContainers: [
      { name: "sidecar", restartPolicy: "Always", ports: [{ name: "side", containerPort: 9090 }] },
      { name: "before", ports: [{ name: "before", containerPort: 9091 }] },
    ],
  },
  "pod-b": { namespace: "y", labels: { app: "b" }, ports: [{ name: "http", containerPort: 8080 }] },
  "peer-pod": { node: "n2", labels: { app: "peer" }, ports: [{ name: "http", containerPort: 8080 }] },
  "peer-pod-2": {
    node: "n2",
    namespace: "y",
    labels: { app: "peer" },
    ports: [{ name: "http", containerPort: 80 }],
  },
  "peer-pod-3": { node: "n2", namespace: "z" },
};

/** A NetworkPolicy's spec, as its object has it, or `whole` in its place; of namespace x if nothing else is said. */
export type Spec = Readonly<Record<string, unknown>> & { readonly namespace?: string };

/** See above. */
export class PolicedNode {
  readonly #model = new PolicyModel({ nodeName: "n1", nodesAreTold: true });
  #standing: StandingPolicy | undefined;
  #policies: string[] = [];
  /** What of the objects could not be read, by object. */
  readonly #rejected = new Map<string, readonly RejectedPart[]>();

  private constructor(readonly cabled: CabledNode, private readonly options: PolicyOptions) {}

  /** Without more as with POLICY_LOG=none and POLICY_UNKNOWN_PODS=closed. */
  static async create(
    { isLogged = false, isUnknownClosed = true, ...options }: CabledNodeOptions & Partial<PolicyOptions> = {},
  ): Promise<PolicedNode> {
    const node = new PolicedNode(await CabledNode.create(options), { isUnknownClosed, isLogged });
    for (const [name, cidrs] of Object.entries(NODES)) {
      node.#model.putNode(name, cidrs.map((cidr) => parsePrefix(cidr) as Prefix));
    }
    for (const [name, labels] of Object.entries(NAMESPACES)) node.#putNamespace(name, labels);
    for (const [name, pod] of Object.entries(PODS)) node.#put(name, pod);
    return node;
  }

  #putNamespace(name: string, labels: Readonly<Record<string, string>>): void {
    this.#model.putNamespace(this.#read(parseNamespace({ metadata: { name, labels } }, name), name)!);
  }

  #put(name: string, options: PodOptions): void {
    const { namespace = "x", labels = {}, node = "n1", ports = [], phase = "Running", startTime } = options;
    const { ips = Object.values(PLACES[name]?.addresses ?? {}), hostNetwork, initContainers, more } = options;
    const containers = [{ name: "c", ports }, { name: "d", ports: options.beside }];
    const parsed = parsePod({
      metadata: { name, namespace, uid: name, labels, ...more },
      spec: { nodeName: node, hostNetwork, containers, initContainers },
      status: { phase, startTime, podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) },
    }, name);
    this.#model.putPod(this.#read(parsed, name)!);
  }

  #read<T>({ value, rejected }: Parsed<T>, name: string): T | undefined {
    this.#rejected.set(name, rejected);
    return value;
  }

  /** What of the objects that are there is not believed, as `policy-0 spec.ingress[0]: REASON`. */
  refused(): string[] {
    const parts = [...[...this.#rejected.values()].flat(), ...this.#model.rejected()];
    return parts.map(({ name, claim, reason }) => `${name} ${claim}: ${reason}`);
  }

  /** A line of the agent's log about a packet that was traced; undefined: it is about none. */
  told(line: string): string | undefined {
    const drop = tracedDropOf(line);
    if (drop === undefined) return undefined;
    const { message, fields } = dropLineOf(drop, this.#model);
    const { direction, from, to, destination, protocol, port, policies, why } = fields;
    const ends = `${from} -> ${to ?? destination} ${protocol}${port === undefined ? "" : ` ${port}`}`;
    return `${message}: ${direction} ${ends} (${policies ?? why})`;
  }

  /** A Namespace that was not there, or has other labels; undefined: it is gone. */
  async namespace(name: string, labels: Readonly<Record<string, string>> | undefined): Promise<void> {
    if (labels === undefined) this.#model.removeNamespace(name);
    else this.#putNamespace(name, labels);
    await this.apply();
  }

  /** Other policies than before: what comes to the kernel is what is different. */
  async enforce(specs: readonly Spec[]): Promise<void> {
    for (const [i, { namespace = "x", annotations = {}, ...rest }] of specs.entries()) {
      const spec = Object.hasOwn(rest, "whole") ? rest.whole : rest;
      const json = { metadata: { name: `policy-${i}`, namespace, uid: `${i}`, annotations }, spec };
      this.#model.putPolicy(this.#read(parseNetworkPolicy(json, "test"), `policy-${i}`)!);
    }
    const names = specs.map(({ namespace = "x" }, i) => `${namespace}/policy-${i}`);
    for (const gone of this.#policies.filter((name) => !names.includes(name))) {
      const [namespace, name] = gone.split("/");
      this.#model.removePolicy(namespace!, name!);
      if (!specs[Number(name!.slice("policy-".length))]) this.#rejected.delete(name!);
    }
    this.#policies = names;
    await this.apply();
  }

  /** A pod as it is, but for this; or one that is none of a place. */
  async change(place: string, options: PodOptions): Promise<void> {
    this.#put(place, { ...PODS[place], ...options });
    await this.apply();
  }

  async remove(place: string): Promise<void> {
    this.#model.removePod(PODS[place]?.namespace ?? "x", place);
    this.#rejected.delete(place);
    await this.apply();
  }

  /** All pods as they were. */
  async restore(): Promise<void> {
    for (const [name, pod] of Object.entries(PODS)) this.#put(name, pod);
    await this.enforce([]);
  }

  async apply(): Promise<void> {
    const change = this.#model.takeChange();
    if (this.#standing === undefined) {
      const desired = this.#model.desired();
      const whole = diffPolicy(policyObjects(desired, this.options), NO_POLICY, NO_POLICY);
      this.#standing = standingOf(desired, this.options, whole.garbage);
      return await this.#load(whole.text);
    }
    const { text, standing } = changePolicy(change, this.#standing, this.options);
    this.#standing = standing;
    await this.#load(text);
  }

  async #load(text: string): Promise<void> {
    if (text !== "") await this.cabled.node.run(["nft", "-f", "-"], { stdin: text });
  }

  /** Ends the flows that are not allowed any more, by what the agent gives nft and conntrack. */
  async revoke(): Promise<void> {
    const { node } = this.cabled;
    const lines = (await node.run(["conntrack", "-L", "-o", "save"])).split("\n");
    const flows = lines.map(parseEstablishedFlow).filter((flow) => flow !== undefined)
      .filter((flow) => this.#model.judge(firstPacketOf(flow)!).verdict === "drop");
    await this.#load(renderRevoked(flows, "1m"));
    await node.run(["conntrack", "-R", "-"], { stdin: renderRevocation(flows, false) });
  }

  /** What nobody needs any more goes, as it does in the agent some seconds later. */
  async tidy(): Promise<void> {
    if (this.#standing === undefined || isClean(this.#standing.garbage)) return;
    await this.#load(renderPolicyGarbage(this.#standing.garbage));
    this.#standing = { ...this.#standing, garbage: NO_GARBAGE };
  }

  /** What the table holds of policies: names of sets, maps, counters and chains. */
  async objects(): Promise<string[]> {
    const { policy } = parseTable(
      await this.cabled.node.run(["nft", "-j", "list", "table", "inet", "wigglenet"]),
    );
    return [...policy.sets.keys(), ...policy.counters, ...policy.chains.keys()].filter((name) =>
      name !== "policies"
    );
  }

  async judge(table: string): Promise<void> {
    await judge(this.cabled, table);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cabled.close();
  }
}
