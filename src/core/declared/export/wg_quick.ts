// A plan's node that is a machine without an agent -> the file that wg-quick, and WireGuard's apps, take: one interface with all its links.

import { widthOf } from "../../net/address.ts";
import { endpointOf } from "../../net/endpoint.ts";
import { Refusal } from "../../net/refusal.ts";
import { NAT_KEEPALIVE_SECONDS } from "../../plan/choose_endpoint.ts";
import type { NetworkPlan } from "../declared_object.ts";
import { expandPlans, type PlanInterface } from "../expand/expand_plans.ts";
import type { InterfaceAddress } from "../interface_address.ts";
import { isExpired, type PublishedKeys } from "../want/want_interfaces.ts";

/** For whom, and with what. */
export interface ExportWish {
  /** All plans: others may have ports before this one's. */
  readonly plans: readonly NetworkPlan[];
  /** Name of the one plan; undefined: the only one that has the node. */
  readonly planName: string | undefined;
  readonly nodeName: string;
  readonly published: PublishedKeys;
  /** Of the pod network; left out: none. */
  readonly ports?: readonly number[];
  /** Since 1970. */
  readonly nowMs: number;
}

/** What is exported. */
export interface Export {
  readonly plan: NetworkPlan;
  /** The file, for a private key. */
  readonly textFor: (privateKey: string) => string;
}

/** The file, or why there is none. */
export function exportNode(wish: ExportWish): Export | Refusal {
  const plan = planOf(wish);
  if (plan instanceof Refusal) return plan;
  const { plans, nodeName, published, nowMs, ports } = wish;
  if (isExpired(plan, nodeName, nowMs)) return new Refusal(`${nodeName} has expired in plan ${plan.name}`);
  const links = expandPlans(plans, nodeName, ports).interfaces.filter((it) =>
    it.plan === plan && !isExpired(plan, it.to, nowMs)
  );
  if (links.length === 0) {
    return new Refusal(`${nodeName} has no link in plan ${plan.name} that both of its nodes declare`);
  }
  const node = plan.spec.nodes.find((it) => it.nodeName === nodeName)!;
  if (node.underlay !== undefined && links.length > 1) {
    return new Refusal(
      `the others reach ${nodeName} at a port for each link, and this is one interface: leave its underlay out, then it speaks first`,
    );
  }
  const keyOf = ({ to, peer }: PlanInterface) => peer.publicKey ?? published.get(plan.name)?.get(to);
  const silent = links.filter((link) => keyOf(link) === undefined).map(({ to }) => to);
  if (silent.length > 0) {
    return new Refusal(
      `nobody has said the public key of ${silent.join(", ")}: nodes[].publicKey of plan ${plan.name}`,
    );
  }
  const allowed = new Map(links.map((link) => [link.to, allowedIpsOf(link, { nodeName, plans, ports })]));
  const twice = twiceIn(allowed);
  if (twice !== undefined) return twice;
  return {
    plan,
    textFor: (privateKey) =>
      [
        `# ${nodeName} in WireGuardNetworkPlan ${plan.name}`,
        "[Interface]",
        `PrivateKey = ${privateKey}`,
        ...addressLines(links),
        `MTU = ${node.mtu}`,
        ...(node.underlay === undefined ? [] : [`ListenPort = ${links[0]!.listenPort}`]),
        ...links.flatMap((link) => peerLines(link, keyOf(link)!, allowed.get(link.to)!)),
        "",
      ].join("\n"),
  };
}

function planOf({ plans, planName, nodeName }: ExportWish): NetworkPlan | Refusal {
  const having = plans.filter(({ name, spec }) =>
    (planName === undefined || name === planName) && spec.nodes.some((node) => node.nodeName === nodeName)
  );
  const [plan, ...others] = having;
  if (plan === undefined) {
    return new Refusal(`no ${planName === undefined ? "plan" : `plan ${planName}`} has a node ${nodeName}`);
  }
  if (others.length === 0) return plan;
  return new Refusal(
    `${having.map(({ name }) => name).join(" and ")} have a node ${nodeName}: say which by --plan`,
  );
}

function addressLines(links: readonly PlanInterface[]): string[] {
  return [...new Set(links.flatMap(({ addresses }) => addresses.map(wgQuickAddress)))].map((text) =>
    `Address = ${text}`
  );
}

/** It has no peers of addresses: those are among what may be sent to whom. */
function wgQuickAddress({ local, text }: InterfaceAddress): string {
  const [first] = text.split(" ");
  return first!.includes("/") ? first! : `${local.text}/${widthOf(local.family)}`;
}

interface Others {
  readonly nodeName: string;
  readonly plans: readonly NetworkPlan[];
  readonly ports: readonly number[] | undefined;
}

/** The other end's addresses on this link. */
function allowedIpsOf({ plan, to }: PlanInterface, { nodeName, plans, ports }: Others): readonly string[] {
  const back = expandPlans(plans, to, ports).interfaces.find((it) => it.plan === plan && it.to === nodeName);
  return [...new Set(back?.addresses.map(({ local }) => `${local.text}/${widthOf(local.family)}`))];
}

/** It is one interface: WireGuard sends to one peer what two have. */
function twiceIn(allowed: ReadonlyMap<string, readonly string[]>): Refusal | undefined {
  const owners = new Map<string, string>();
  for (const [node, texts] of allowed) {
    for (const text of texts) {
      const other = owners.get(text);
      if (other !== undefined) {
        return new Refusal(
          `${other} and ${node} both have ${text}, and this is one interface: give them addresses of their own`,
        );
      }
      owners.set(text, node);
    }
  }
}

function peerLines(
  { to, peer: { endpoint } }: PlanInterface,
  key: string,
  allowed: readonly string[],
): string[] {
  return [
    "",
    "[Peer]",
    `# ${to}`,
    `PublicKey = ${key}`,
    ...(allowed.length === 0 ? [] : [`AllowedIPs = ${allowed.join(", ")}`]),
    ...(endpoint === undefined ? [] : [`Endpoint = ${placeOf(endpoint)}`]),
    `PersistentKeepalive = ${NAT_KEEPALIVE_SECONDS}`,
  ];
}

function placeOf({ host, port }: NonNullable<PlanInterface["peer"]["endpoint"]>): string {
  return typeof host === "string" ? `${host}:${port}` : endpointOf(host, port).text;
}
