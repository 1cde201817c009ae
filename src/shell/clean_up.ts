// Removes all that carries our name or number, and nothing else.

import { isRemovable } from "../core/declared/plan/diff_declared.ts";
import { isDeclarable } from "../core/declared/plan/in_container.ts";
import { parseInterfaces } from "../core/declared/observed/parse_interfaces.ts";
import { isOurXfrm } from "../core/transport/ipsec/xfrm_text.ts";
import { LINK_KIND } from "../core/plan/diff_link.ts";
import { bridgeInterface } from "../core/bridge/names.ts";
import { BRIDGE_TABLE } from "../core/bridge/render_bridge.ts";
import { cniTarget } from "../core/plan/diff_cni.ts";
import { ROUTE_PROTOCOL, UNNAMED_PROTOCOL } from "../core/desired/desired_state.ts";
import { FASTPATH, TABLE } from "../core/render/render_table.ts";
import { nextInterface, nextKeyPath, requestedKeyPath } from "../core/rotation/names.ts";
import { ipsecInterface } from "../core/transport/ipsec/names.ts";
import { parseAssociations, parsePolicies, removalOf } from "../core/transport/ipsec/xfrm_text.ts";
import { overlayNames } from "../core/transport/overlay_kinds.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import { attempt, run, runIn } from "./command.ts";
import { readLink, removeEmptyFolder, removeFile, RUN_FOLDER, sweepLeftovers, withInput } from "./files.ts";
import { type HeldPlace, Places } from "./declared/containers/places.ts";
import { tracesFiles } from "./declared/containers/traces.ts";
import { secretFolder, secretFolders } from "./declared/secret_keys.ts";
import { INTERFACES, linksIn } from "./declared/observe_declared.ts";
import { declaredKeyFolder, removeDeclaredKeys } from "./declared/declared_keys.ts";
import { observeLink, observeNetwork, unlessAbsent } from "./observe.ts";
import { observeHostRouting } from "./observe_host_routing.ts";
import { readStatus, STATUS_SOCKET } from "./status_socket.ts";
import { endServer, findServers, socketOf } from "./wireguard_go.ts";

/** Those that packets meet, and what an agent or a `diff` left that was killed while it asked nft how it prints them. */
const OUR_TABLE = new RegExp(
  `^table (?:inet (?:${TABLE}|${FASTPATH})|${BRIDGE_TABLE})(?:-reference(?:-[0-9a-f]{8})?)?$`,
);

/** What was there and is gone, and what could not be removed. */
export interface Cleaned {
  readonly removed: readonly string[];
  readonly errors: readonly Error[];
}

/** Goes on past errors: the more is removed the better. */
export async function cleanUp(settings: GivenSettings, isKeyPurged: boolean): Promise<Cleaned> {
  const removed: string[] = [];
  const errors: Error[] = [];
  const steps = [
    () => removeCni(settings),
    () => removeDeclared(settings, errors),
    () => removeContained(errors),
    () => removeNetwork(settings),
    removeTables,
    () => removeFiles(settings, isKeyPurged),
  ];
  for (const step of steps) {
    try {
      removed.push(...await step());
    } catch (error) {
      errors.push(error as Error);
    }
  }
  return { removed, errors };
}

/** Only the link that we made: a file that somebody put there is theirs. */
async function removeCni({ cniConfigPath }: GivenSettings): Promise<string[]> {
  if (await readLink(cniConfigPath) !== cniTarget(cniConfigPath)) return [];
  await removeFile(cniConfigPath);
  return [cniConfigPath];
}

async function removeNetwork({ interfaceName }: GivenSettings): Promise<string[]> {
  // The second one first: nothing is left then to which its packets could turn. One that is not of its group is somebody else's.
  const second = nextInterface(interfaceName);
  const link = await observeLink(second);
  const isForeign = link !== undefined && !link.isNext;
  return [
    ...isForeign ? [] : await removeNetworkOf(second),
    ...await removeHostRouting(),
    ...(await Promise.all(overlayNames({ interfaceName }).map(removeOverlay))).flat(),
    ...await removeIpsec(ipsecInterface({ interfaceName })),
    ...await removeNetworkOf(interfaceName),
    ...await removeBridge(bridgeInterface(interfaceName)),
  ];
}

/**
 * All that is in the group of declared interfaces. With one end of a pair, or what a VXLAN stands on, others go.
 * @param errors what could not be removed, which costs the others nothing
 */
async function removeDeclared({ wireguardGo }: GivenSettings, errors: Error[]): Promise<string[]> {
  const interfaces = parseInterfaces(await run(INTERFACES));
  const removed: string[] = [];
  for (const { name } of interfaces.values().filter(isRemovable)) {
    try {
      const pids = wireguardGo === "awaited" ? [] : await findServers(name);
      const output = await unlessAbsent(run({ program: "ip", args: ["link", "del", "dev", name] }));
      if (output !== undefined) removed.push(`interface ${name}`);
      for (const pid of pids) await endServer(pid, name);
    } catch (error) {
      errors.push(error as Error);
    }
  }
  return removed;
}

/** The same in containers, of all agents that have put something there. */
async function removeContained(errors: Error[]): Promise<string[]> {
  const removed: string[] = [];
  for (const file of await tracesFiles()) {
    const places = new Places(file);
    const { left, lost } = await places.look(new Set());
    errors.push(...lost.map(({ id }) => new Error(`Cannot look into ${id}: what was declared there stays`)));
    for (const place of left) {
      try {
        const names = await removableIn(place);
        const lines = names.map((name) => `link del dev ${name}\n`).join("");
        await withInput(
          lines,
          (path) => attempt(runIn(place.path, { program: "ip", args: ["-force", "-batch", path] })),
        );
        const still = await removableIn(place);
        removed.push(
          ...names.filter((name) => !still.includes(name)).map((it) => `interface ${it} in ${place.id}`),
        );
        if (still.length > 0) {
          throw new Error(`${still[0]} in ${place.id} cannot be removed, or is made again`);
        }
        await places.release(place);
      } catch (error) {
        errors.push(error as Error);
      }
    }
    places.close();
  }
  return removed;
}

async function removableIn(place: HeldPlace): Promise<string[]> {
  const interfaces = parseInterfaces(await linksIn(place));
  return [...interfaces.values().filter(isRemovable).map(({ name }) => name)].filter(isDeclarable);
}

async function removeOverlay(name: string): Promise<string[]> {
  const link = await observeLink(name);
  if (link?.isExternal !== true) return [];
  await run({ program: "ip", args: ["link", "del", "dev", name] });
  return [`interface ${name}`];
}

/** Pods that hang on it have lost their way to all others with the rest. */
async function removeBridge(name: string): Promise<string[]> {
  if ((await observeLink(name))?.kind !== "bridge") return [];
  await run({ program: "ip", args: ["link", "del", "dev", name] });
  return [`interface ${name}`];
}

/** What is of our interface's number, with it or without. A kernel without XFRM has nothing of it. */
async function removeIpsec(name: string): Promise<string[]> {
  const list = async (...args: readonly string[]) => {
    const { stdout, failure } = await attempt({ program: "ip", args });
    return failure === undefined ? stdout : "";
  };
  const policies = [...parsePolicies(await list("xfrm", "policy", "list")).keys()];
  const associations = parseAssociations(await list("-s", "xfrm", "state", "list", "nokeys"));
  const link = await observeLink(name);
  const isOurs = link !== undefined && isOurXfrm(link);
  const lines = [
    ...(isOurs ? [`link del dev ${name}\n`] : []),
    ...policies.map((selector) => `xfrm policy delete ${selector}\n`),
    ...associations.map(removalOf),
  ];
  if (lines.length === 0) return [];
  await withInput(lines.join(""), (path) => run({ program: "ip", args: ["-force", "-batch", path] }));
  return [
    ...(isOurs ? [`interface ${name}`] : []),
    `${policies.length} policies and ${associations.length} associations of IPsec`,
  ];
}

/** Their own protocol number is on the rules, and on the routes of their table. */
async function removeHostRouting(): Promise<string[]> {
  const { hostRouting } = await observeHostRouting({});
  const removed: string[] = [];
  for (const family of [4, 6] as const) {
    const texts = [...hostRouting![family]];
    const number = String(ROUTE_PROTOCOL);
    if (texts.some((text) => text.startsWith("rule "))) {
      await run({ program: "ip", args: [`-${family}`, "rule", "flush", "protocol", number] });
    }
    if (texts.some((text) => text.startsWith("route "))) {
      await run({ program: "ip", args: [`-${family}`, "route", "flush", "table", number, "proto", number] });
    }
    removed.push(...texts);
  }
  return removed;
}

async function removeNetworkOf(interfaceName: string): Promise<string[]> {
  const removed: string[] = [];
  const { link, routes } = await observeNetwork(interfaceName);
  for (const pid of await findServers(interfaceName)) {
    await endServer(pid, interfaceName);
    removed.push(`process wireguard-go -f ${interfaceName}`);
  }
  const kinds: readonly string[] = Object.values(LINK_KIND);
  if (link !== undefined && kinds.includes(link.kind)) {
    // A device that wireguard-go has made itself has gone with it.
    await unlessAbsent(run({ program: "ip", args: ["link", "del", "dev", interfaceName] }));
    removed.push(`interface ${interfaceName}`);
  }
  for (const family of [4, 6] as const) {
    // Those of nobody go with the interface, if it is ours.
    const ours = [...routes[family]].filter((text) => !text.includes(` proto ${UNNAMED_PROTOCOL}`));
    if (ours.length === 0) continue;
    await run({ program: "ip", args: [`-${family}`, "route", "flush", "proto", String(ROUTE_PROTOCOL)] });
    removed.push(...ours.map((text) => `route ${text}`));
  }
  return removed;
}

async function removeTables(): Promise<string[]> {
  const listed = await run({ program: "nft", args: ["list", "tables"] });
  const ours = listed.split("\n").filter((line) => OUR_TABLE.test(line)).map((line) =>
    line.slice("table ".length)
  );
  for (const name of ours) await run({ program: "nft", args: ["delete", "table", ...name.split(" ")] });
  return ours.map((name) => `table ${name}`);
}

async function removeFiles(settings: GivenSettings, isKeyPurged: boolean): Promise<string[]> {
  const { privateKeyPath, interfaceName, cniConfigPath } = settings;
  const isAlone = await readStatus() === undefined;
  if (isAlone) await sweepLeftovers([cniConfigPath, privateKeyPath], 0);
  const files = [
    cniTarget(cniConfigPath),
    socketOf(interfaceName),
    socketOf(nextInterface(interfaceName)),
    requestedKeyPath(privateKeyPath),
    // Without an agent nobody has it: who rotates begins anew.
    nextKeyPath(privateKeyPath),
    // Agents of other network namespaces may share our folder.
    ...(isAlone ? [STATUS_SOCKET] : []),
    ...(isKeyPurged ? [privateKeyPath] : []),
  ];
  const removed: string[] = [];
  for (const path of files) if (await removeFile(path)) removed.push(path);
  // By which name of a node an agent has run nobody may have said here.
  const secrets = isAlone ? await secretFolders() : [secretFolder(settings)];
  for (const folder of secrets) removed.push(...await removeDeclaredKeys(folder));
  if (isKeyPurged) removed.push(...await removeDeclaredKeys(declaredKeyFolder(settings)));
  for (const folder of [RUN_FOLDER, "/var/run/wireguard"]) {
    if (await removeEmptyFolder(folder)) removed.push(folder);
  }
  return removed;
}
