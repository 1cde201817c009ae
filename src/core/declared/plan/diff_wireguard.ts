// A WireGuard interface by the same functions as the tunnel of the pod network: made, served, with key, port and peers. Addresses,
// MTU and state are as of every other kind (configure_interface.ts).

import type { DesiredLink, Peer } from "../../desired/desired_state.ts";
import type { Resolution } from "../../desired/host_facts.ts";
import { endpointOf } from "../../net/endpoint.ts";
import type { PublicKey } from "../../net/keys.ts";
import { diffLink, makeLink } from "../../plan/diff_link.ts";
import { diffPeers } from "../../plan/diff_peers.ts";
import { STAGE, type Step } from "../../plan/plan.ts";
import type { ObservedWireguard } from "../../observed/observed_state.ts";
import {
  DECLARED_GROUP,
  type ObservedInterfaces,
  type ObservedServing,
} from "../observed/observed_interfaces.ts";
import {
  isAliasOf,
  keyOf as keyOfInterface,
  type WantedInterface,
  type WantedKind,
  type WantedPeer,
} from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";
import type { DeclaredMoment, DeclaredPlan } from "./diff_declared.ts";
import { heldOf, presharedOf, presharedSteps, withoutPreshared, withPreshared } from "./diff_preshared.ts";
import { awaited, type Keyed, waitingOf } from "./wireguard_waiting.ts";

type WireguardKind = Extract<WantedKind, { kind: "wireguard" }>;

interface Circumstances {
  readonly observed: ObservedInterfaces;
  readonly moment: DeclaredMoment;
}

/** As `wg show` has it. */
const NO_KEY = "(none)";
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
  const keyed = keyedBy(wanted, kind, { observed, moment });
  const { found: key, path } = keyed;
  const link = {
    ...linkOf(name, kind, { moment, key, path, port: serving.wireguard?.port }),
    publishedKey: keyed.key === key ? undefined : keyed.key,
  };
  const found = {
    link: has && { ...has, addresses: new Set<string>() },
    ...serving,
    wireguard: serving.wireguard && withoutPreshared(serving.wireguard, kind),
    routes: NO_ROUTES,
  };
  const made = makeLink({ link }, found);
  const known = made.length === 0 ? keyed.key : key;
  const isUnserved = isAwaited(moment) && serving.wireguard === undefined;
  if (isUnserved || known === undefined) {
    const waiting = isUnserved
      ? [awaited(wanted)]
      : waitingOf(wanted, kind, { key: { ...keyed, key: known }, moment });
    const left = made.length === 0 ? takeKey(name, serving) : [];
    return { steps: [...made, ...left].map((step) => ofInterface(step, name)), waiting };
  }
  const peers = peersOf(kind, moment, { key: known, standing: serving.wireguard });
  const desired = { link, interfaceName: name, rotation: { name: "" }, peers };
  const preshared = presharedOf(kind, moment.secrets);
  const steps = [
    ...made,
    // Up and addressed like any other. wg prints the content of a file that is no key: without one it is not asked.
    ...(key === undefined ? [] : diffLink(desired, found).filter(({ stage }) => stage !== STAGE.up)),
    ...withPreshared(name, diffPeers(desired, found, moment.steadySeconds), preshared),
    ...presharedSteps(name, preshared, serving),
  ];
  return {
    steps: steps.map((step) => ofInterface(step, name)),
    waiting: waitingOf(wanted, kind, { key: { ...keyed, key: known }, moment }),
  };
}

function isAwaited({ implementation, server }: DeclaredMoment): boolean {
  return implementation === "userspace" && server === "awaited";
}

interface Key {
  /** Undefined: it cannot be had. */
  readonly key: PublicKey | undefined;
  /** Of the file with the private one. */
  readonly path: string;
}

function keyOf({ secret, keyName }: WireguardKind, { secrets, keys, keyFolder }: DeclaredMoment): Key {
  if (secret === undefined) return { key: keys.get(keyName), path: `${keyFolder}/${keyName}.key` };
  const known = secrets?.get(secret);
  return known !== undefined && "path" in known
    ? { key: known.publicKey, path: known.path }
    : { key: undefined, path: "" };
}

/**
 * The key by which an interface is known, and that of its file or Secret. What stands is kept where that is lost, and where the plan
 * says so: the others go by it.
 */
export function keyedBy(
  wanted: WantedInterface,
  kind: WireguardKind,
  { observed: { interfaces, serving }, moment }: Circumstances,
): Keyed {
  const name = keyOfInterface(wanted);
  const { key: found, path } = keyOf(kind, moment);
  const key = serving.get(name)?.wireguard?.publicKey;
  // Of another object's nothing is kept.
  const isOwners = isAliasOf(interfaces.get(name)?.alias ?? "", wanted.owner);
  const standing = key === NO_KEY || !isOwners ? undefined : key as PublicKey | undefined;
  const isKept = found === undefined || standing !== undefined && standing === kind.statedKey;
  return { key: isKept ? standing : found, found, path };
}

/** Before the alias says otherwise: what another object has left lets nobody in by that one's key. */
function takeKey(name: string, { wireguard }: ObservedServing): Step[] {
  if (wireguard === undefined || wireguard.publicKey === NO_KEY) return [];
  const peers = [...wireguard.peers.keys()].flatMap((key) => ["peer", key, "remove"]);
  return [{
    part: partOf(name),
    stage: STAGE.link,
    needs: [],
    changes: [{
      op: "-",
      kind: "key",
      target: name,
      text: wireguard.publicKey,
      reason: "another object's, and its peers",
    }],
    actions: [{ kind: "run", program: "wg", args: ["set", name, "private-key", "/dev/null", ...peers] }],
  }];
}

interface LinkCircumstances extends Key {
  readonly moment: DeclaredMoment;
  /** That it listens on. */
  readonly port: number | undefined;
}

function linkOf(
  name: string,
  { listenPort }: WireguardKind,
  { moment, key, path, port }: LinkCircumstances,
): Omit<DesiredLink, "publishedKey"> {
  return {
    name,
    implementation: moment.implementation,
    server: moment.server ?? "started",
    // Where none is asked for the kernel's choice stays.
    port: listenPort ?? port ?? 0,
    mtuBytes: 0,
    mtuReason: "",
    privateKeyPath: path,
    publicKey: key,
    keepaliveSeconds: undefined,
    addresses: [],
    group: DECLARED_GROUP,
  };
}

interface Here {
  readonly key: PublicKey;
  readonly standing: ObservedWireguard | undefined;
}

function peersOf(kind: WireguardKind, moment: DeclaredMoment, { key, standing }: Here): Peer[] {
  const held = new Set(heldOf(kind, moment.secrets, standing));
  return kind.peers.filter((peer) => !held.has(peer)).flatMap(
    ({ node, publicKey, endpoint, allowedIps, keepaliveSeconds }) => {
      // WireGuard takes no peer with its own key, and says nothing.
      if (publicKey === undefined || publicKey === key) return [];
      const candidates = candidatesOf(endpoint, moment.resolved);
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
    },
  );
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

/** Its parts are its own. */
function ofInterface(step: Step, name: string): Step {
  return { ...step, part: partOf(name), needs: [] };
}
