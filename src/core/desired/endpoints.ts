// Where a peer may be reached, best first: what its `wigglenet/endpoint` says, an internal address in a subnet of ours,
// other internal addresses, external ones. docs/decisions/0017 has the reasons.

import { type Address, compareAddresses, type Family } from "../net/address.ts";
import type { HostName } from "../net/destination.ts";
import { type Endpoint, endpointOf } from "../net/endpoint.ts";
import { containsAddress, lastOf, type Prefix } from "../net/prefix.ts";
import { unusableAddress } from "../net/scope.ts";
import { ANNOTATION, byAge, type Node, type ParsedNode, type Rejected } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import type { Settings } from "../settings/settings.ts";
import type { HostFacts, HostInterface, Resolution } from "./host_facts.ts";

/** What of a Node says where it is. */
export type Located = Pick<SettledNode, "node" | "addresses">;

/** All endpoints of a Node as this host may use them, in order, without repeats. Own addresses are none. */
export function candidatesOf(settings: Settings, located: Located, facts: HostFacts): readonly Endpoint[] {
  const { node, addresses } = located;
  const { own, near, families } = viewOf(facts.interfaces);
  const external = new Set(node.addresses.filter(({ isExternal }) => isExternal).map(({ value }) => value));
  const rankOf = (address: Address) =>
    external.has(address) ? 2 : near.some((prefix) => containsAddress(prefix, address)) ? 0 : 1;
  const stated = addresses.filter((address) => isAllowed(settings, address.family) && !own.has(address.text))
    .map((address) => ({ address, rank: rankOf(address) }))
    .sort((a, b) => a.rank - b.rank || compareAddresses(a.address, b.address));
  const all = [
    ...overrideOf(settings, node, facts).endpoints,
    ...stated.map(({ address }) => endpointOf(address, settings.port)),
  ];
  // A family of which this host has no address comes last: nothing can be sent there, and nothing would tell.
  const inOrder = all.every(({ address }) => families.has(address.family)) ? all : [
    ...all.filter(({ address }) => families.has(address.family)),
    ...all.filter(({ address }) => !families.has(address.family)),
  ];
  return inOrder.filter(({ text }, i) => inOrder.findIndex((other) => other.text === text) === i);
}

/** Endpoints of a Node's own addresses in the family that WG_IP_FAMILY leaves out. */
export function excludedOf(settings: Settings, { addresses }: Located): readonly string[] {
  return addresses.filter(({ family }) => !isAllowed(settings, family)).map((address) =>
    endpointOf(address, settings.port).text
  );
}

const ENDPOINT_FAMILY = { 4: "ipv4", 6: "ipv6" } as const;

/** True when WG_IP_FAMILY allows endpoints of this family. */
export function isAllowed({ endpointFamily }: Settings, family: Family): boolean {
  return endpointFamily === "dualstack" || endpointFamily === ENDPOINT_FAMILY[family];
}

/** What of the host's interfaces decides over endpoints. */
interface View {
  readonly own: ReadonlySet<string>;
  readonly near: readonly Prefix[];
  readonly broadcasts: ReadonlySet<string>;
  /** Both where none is known. */
  readonly families: ReadonlySet<Family>;
  /** Equal views have equal texts. */
  readonly text: string;
}

const VIEWS = new WeakMap<readonly HostInterface[], View>();

function viewOf(interfaces: readonly HostInterface[]): View {
  const known = VIEWS.get(interfaces);
  if (known !== undefined) return known;
  const addresses = interfaces.flatMap((nic) => nic.addresses);
  // A prefix of one address is a cable without a net, as a pod's is.
  const near = interfaces.flatMap(({ prefixes }) => prefixes).filter(({ value, end }) => end - value > 1n);
  const view: View = {
    own: new Set(addresses.map(({ text }) => text)),
    near,
    broadcasts: new Set(
      near.filter(({ family, value, end }) => family === 4 && end - value > 2n).map((prefix) =>
        String(lastOf(prefix))
      ),
    ),
    families: new Set(addresses.length === 0 ? [4, 6] : addresses.map(({ family }) => family)),
    text: [...new Set([...addresses, ...near].map((it) => it.text))].sort().join(),
  };
  VIEWS.set(interfaces, view);
  return view;
}

/** What candidates depend on, of all that the interfaces are: a pod's cable comes and goes and changes nothing. */
export function interfacesText({ interfaces }: HostFacts): string {
  return viewOf(interfaces).text;
}

/** What came of a Node's `wigglenet/endpoint` on this host. */
export interface Override {
  readonly endpoints: readonly Endpoint[];
  readonly rejected: readonly Rejected[];
  /** It has addresses, and none of a family that an endpoint may have. */
  readonly isExcluded?: true;
}

const NO_OVERRIDE: Override = { endpoints: [], rejected: [] };

/** The endpoints that the annotation leads to, without those that nobody can be at. */
export function overrideOf(settings: Settings, { name, endpoint }: Node, facts: HostFacts): Override {
  if (endpoint === undefined) return NO_OVERRIDE;
  const { host, port = settings.port } = endpoint;
  const addresses = typeof host === "string" ? facts.resolved.get(host)?.addresses ?? [] : [host];
  const endpoints: Endpoint[] = [];
  const rejected: Rejected[] = [];
  const allowed = addresses.filter(({ family }) => isAllowed(settings, family));
  for (const address of allowed) {
    const reason = objectionTo(address, viewOf(facts.interfaces));
    if (reason === undefined) endpoints.push(endpointOf(address, port));
    else rejected.push(refusedOverride({ name, endpoint }, reason));
  }
  const isExcluded = addresses.length > 0 && allowed.length === 0;
  return { endpoints, rejected, ...(isExcluded ? { isExcluded } : {}) };
}

/** A `wigglenet/endpoint` that is not followed. */
export function refusedOverride(
  { name, endpoint }: Pick<Node, "name" | "endpoint">,
  reason: string,
): Rejected {
  return { node: name, claim: `${ANNOTATION.endpoint} ${endpoint?.text}`, reason, kind: "endpoint" };
}

/** Why packets must not be sent to an address, whoever says so, a DNS server included. */
function objectionTo(address: Address, { own, broadcasts }: View): string | undefined {
  if (own.has(address.text)) return `${address.text} is an address of this host`;
  if (address.family === 4 && broadcasts.has(String(address.value))) {
    return `${address.text} is the broadcast address of a subnet of this host`;
  }
  return unusableAddress(address);
}

/** What resolving names may cost: each node of a cluster asks for all of them, every half minute. */
const MAX_NAMES = 256;

/** The DNS names of all Nodes that are to be resolved: those of the oldest Nodes, so that a newcomer costs them nothing. */
export function namesToResolve(parsed: readonly ParsedNode[]): ReadonlySet<HostName> {
  const nodes = parsed.flatMap(({ node }) => node !== undefined && nameOf(node) !== undefined ? [node] : []);
  const names = new Set<HostName>();
  for (const node of nodes.sort((a, b) => byAge(a, b) || compareTexts(a.name, b.name))) {
    if (names.size < MAX_NAMES) names.add(nameOf(node)!);
  }
  return names;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The DNS name in a Node's `wigglenet/endpoint`. */
export function nameOf({ endpoint }: Node): HostName | undefined {
  return typeof endpoint?.host === "string" ? endpoint.host : undefined;
}

/** What keeps a name from being resolved, and what the operator can do; undefined: nothing. */
export function troubleWith(
  name: HostName,
  resolution: Resolution | undefined,
  isAsked: boolean,
): { why: string; next: string } | undefined {
  if (!isAsked) {
    const next = "give older Nodes fewer names, or this one an address";
    return { why: `${name} is not resolved: only ${MAX_NAMES} names are`, next };
  }
  const next = `getent ahosts ${name} shows what this host's resolver says`;
  if (resolution === undefined) return { why: `${name} is not resolved yet`, next };
  const { addresses, trouble } = resolution;
  if (trouble === undefined) return undefined;
  const kept = addresses.length === 0
    ? ""
    : `; its last answer stays: ${addresses.map(({ text }) => text).join(", ")}`;
  return { why: `${name} cannot be resolved (${trouble})${kept}`, next };
}
