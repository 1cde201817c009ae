// A WireGuard interface by the same functions as the tunnel of the pod network: made, served, with key, port and peers. Addresses,
// MTU and state are as of every other kind (configure_interface.ts).

import type { DesiredLink, Peer } from "../../desired/desired_state.ts";
import type { Resolution } from "../../desired/host_facts.ts";
import { endpointOf } from "../../net/endpoint.ts";
import type { PublicKey } from "../../net/keys.ts";
import { diffLink, makeLink } from "../../plan/diff_link.ts";
import { diffPeers } from "../../plan/diff_peers.ts";
import { STAGE, type Step } from "../../plan/plan.ts";
import { DECLARED_GROUP, type ObservedInterfaces } from "../observed/observed_interfaces.ts";
import type { WantedInterface, WantedKind, WantedPeer } from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";
import type { DeclaredMoment, DeclaredPlan, DeclaredWaiting } from "./diff_declared.ts";

type WireguardKind = Extract<WantedKind, { kind: "wireguard" }>;

interface Circumstances {
  readonly observed: ObservedInterfaces;
  readonly moment: DeclaredMoment;
}

const NO_ROUTES = { 4: new Set<string>(), 6: new Set<string>() } as const;

/** Steps for the interface and its peers, and the peers that are waited for. */
export function diffWireguard(
  wanted: WantedInterface,
  kind: WireguardKind,
  { observed, moment }: Circumstances,
): DeclaredPlan {
  const { name } = wanted;
  const has = observed.interfaces.get(name);
  const serving = observed.serving.get(name) ?? { wireguard: undefined, userspacePids: [] };
  const link = linkOf(name, kind, { moment, port: serving.wireguard?.port });
  const desired = { link, interfaceName: name, rotation: { name: "" }, peers: peersOf(kind, moment) };
  const found = {
    link: has && { ...has, addresses: new Set<string>() },
    ...serving,
    routes: NO_ROUTES,
  };
  const key = moment.keys.get(kind.keyName);
  if (key === undefined) {
    return {
      // wg prints the content of a file that is no key.
      steps: makeLink(desired, found).map((step) => ofInterface(step, name)),
      waiting: [{
        owner: wanted.owner,
        what: `key of ${name}`,
        why: `${link.privateKeyPath} cannot be read, or is no key`,
        next: "restore it, or remove it to have it written anew",
        isBlocking: true,
      }],
    };
  }
  const steps = [
    ...makeLink(desired, found),
    // Up and addressed like any other.
    ...diffLink(desired, found).filter(({ stage }) => stage !== STAGE.up),
    ...diffPeers(desired, found, moment.steadySeconds),
  ];
  return { steps: steps.map((step) => ofInterface(step, name)), waiting: waitingOf(wanted, kind, key) };
}

interface LinkCircumstances {
  readonly moment: DeclaredMoment;
  /** That it listens on. */
  readonly port: number | undefined;
}

function linkOf(
  name: string,
  { listenPort, keyName }: WireguardKind,
  { moment, port }: LinkCircumstances,
): DesiredLink {
  return {
    name,
    implementation: moment.implementation,
    server: "started",
    // Where none is asked for the kernel's choice stays.
    port: listenPort ?? port ?? 0,
    mtuBytes: 0,
    mtuReason: "",
    privateKeyPath: `${moment.keyFolder}/${keyName}.key`,
    publicKey: moment.keys.get(keyName),
    publishedKey: undefined,
    keepaliveSeconds: undefined,
    addresses: [],
    group: DECLARED_GROUP,
  };
}

function peersOf({ peers, keyName }: WireguardKind, { resolved, keys }: DeclaredMoment): Peer[] {
  return peers.flatMap(({ node, publicKey, endpoint, allowedIps, keepaliveSeconds }) => {
    // WireGuard takes no peer with its own key, and says nothing.
    if (publicKey === undefined || publicKey === keys.get(keyName)) return [];
    const candidates = candidatesOf(endpoint, resolved);
    const isUnresolved = endpoint !== undefined && candidates.length === 0;
    return [{
      node,
      publicKey,
      endpoint: candidates[0],
      candidates,
      allowedIps,
      keepaliveSeconds,
      ...(isUnresolved && { isUnresolved: true as const }),
    }];
  });
}

function candidatesOf(
  endpoint: WantedPeer["endpoint"],
  resolved: ReadonlyMap<string, Resolution>,
): readonly string[] {
  if (endpoint === undefined) return [];
  const { host, port } = endpoint;
  const addresses = typeof host === "string" ? resolved.get(host)?.addresses ?? [] : [host];
  return addresses.map((address) => endpointOf(address, port).text);
}

function waitingOf(
  { name, owner }: WantedInterface,
  { peers, statedKey }: WireguardKind,
  key: PublicKey,
): DeclaredWaiting[] {
  const object = `${owner.kind} ${owner.name}`;
  const unknown = peers.filter(({ publicKey }) => publicKey === undefined).map(({ node }) => ({
    owner,
    what: `peer ${node} of ${name}`,
    why: "nobody has said its public key yet",
    next: `its agent publishes it; where there is none: nodes[].publicKey of ${object}`,
  }));
  const same = peers.filter(({ publicKey }) => publicKey === key).map(({ node }) => ({
    owner,
    what: `peer ${node} of ${name}`,
    why: `it is said to have this host's own key ${key}`,
    next: `say its own in ${object}; of machines that were copied remove the key file of one`,
    isTrouble: true,
  } as const));
  if (statedKey === undefined || statedKey === key) return [...unknown, ...same];
  return [...unknown, ...same, {
    owner,
    what: `key of ${name}`,
    why: `${object} says ${statedKey}, by which the others know this node, and its key is ${key}`,
    next: `say ${key} there, or put the private key to it into place`,
    isTrouble: true,
  }];
}

/** Its parts are its own. */
function ofInterface(step: Step, name: string): Step {
  return { ...step, part: partOf(name), needs: [] };
}
