// What others do to a host: by hand, by accident, or because a process died. Each is one thing that the agent must mend.

import { keyOf } from "../cluster.ts";
import type { ModelHost } from "./model_host.ts";
import { ModelTable } from "./model_table.ts";

const SET = "pod-cidrs-v4";
const FOREIGN_ROUTES = [
  "10.66.0.0/16 via 10.9.1.254 dev eth0 proto 146",
  "10.244.2.0/24 via 10.9.1.254 dev eth0 proto 146",
  "blackhole 10.244.2.0/23 proto 146",
  "10.244.3.0/24 dev eth0 proto 146 metric 5",
];

function changeMembers(host: ModelHost, change: (members: string[]) => string[]): void {
  const members = host.table?.sets.get(SET);
  if (members !== undefined) host.table = host.table!.withMembers(SET, change([...members]));
}

const firstPeer = ({ network }: ModelHost) => [...network.peers.values()][0];

/** Disturbances by name; each does nothing where there is nothing to disturb. */
export const DISTURBANCES: Readonly<Record<string, (host: ModelHost) => void>> = {
  "the table is deleted": (host) => host.table = undefined,
  "a rule is changed": (host) => {
    if (host.table !== undefined) host.table = new ModelTable(`${host.table.structure}x`, host.table.sets);
  },
  "the table is made dormant": (host) => {
    if (host.table !== undefined) host.table = new ModelTable(host.table.structure, host.table.sets, true);
  },
  "a member is deleted": (host) => changeMembers(host, (members) => members.slice(1)),
  "a member is added": (host) =>
    changeMembers(host, (members) => [...members, "172.31.0.0/24", "172.31.1.1/32"]),
  "a range is added": (host) =>
    changeMembers(host, (members) => [...members, `{"range":["172.30.0.1","172.30.0.5"]}`]),
  "a member with a comment is added": (host) =>
    changeMembers(host, (members) => [...members, `{"elem":{"val":"172.30.0.9","comment":"a/b"}}`]),
  "the interface is deleted": ({ network }) => void (network.link && network.deleteLink(network.link.name)),
  "the interface is taken down": ({ network }) => {
    const { link } = network;
    if (link === undefined) return;
    link.isUp = false;
    for (const text of link.addresses) if (text.includes(":")) link.addresses.delete(text);
    network.dropRoutes(link.name);
  },
  "the MTU is changed": ({ network: { link } }) => void (link && (link.mtu = 1300)),
  "an address is added": ({ network: { link } }) => void link?.addresses.add("10.99.0.1/32"),
  "the addresses are removed": ({ network: { link } }) => link?.addresses.clear(),
  "routes of others get our protocol number": ({ network: { routes } }) =>
    FOREIGN_ROUTES.forEach((text) => routes[4].run(`route replace ${text}`)),
  "routes are removed": ({ network: { link, routes } }) => void (link && routes[6].dropDevice(link.name)),
  "the interface that wraps is deleted": ({ network }) =>
    void (network.overlay && network.deleteLink(network.overlay.name)),
  "the interface that wraps is taken down": ({ network }) => {
    const { overlay } = network;
    if (overlay === undefined) return;
    overlay.isUp = false;
    for (const text of overlay.addresses) if (text.includes(":")) overlay.addresses.delete(text);
    network.dropRoutes(overlay.name);
  },
  "the interface that wraps gets another port, MTU and address": ({ network: { overlay } }) => {
    if (overlay === undefined) return;
    Object.assign(overlay, { port: 4789, mtu: 1300 });
    overlay.addresses.add("10.99.0.1/32");
  },
  "rules and routes of node addresses are removed": ({ network: { hostRouting } }) => {
    hostRouting[4].clear();
    hostRouting[6].clear();
  },
  "a peer is removed": ({ network: { peers } }) =>
    [...peers.keys()].slice(0, 1).forEach((key) => peers.delete(key)),
  "a foreign peer takes an allowed IP": ({ network: { wireguard } }) => {
    const stolen = [...wireguard?.peers.values() ?? []].flatMap(({ allowedIps }) => [...allowedIps])[0];
    wireguard?.addConfiguration(
      `[Peer]\nPublicKey = ${keyOf(77)}\nAllowedIPs = ${stolen ?? "10.1.1.1/32"}\n`,
    );
  },
  "a peer's endpoint is moved": (host) => {
    const peer = firstPeer(host);
    if (peer !== undefined) peer.endpoint = "192.0.2.66:6";
  },
  "a peer gets a keepalive and a preshared key": (host) => {
    const peer = firstPeer(host);
    if (peer !== undefined) Object.assign(peer, { keepalive: "5", hasPresharedKey: true });
  },
  "port and mark are changed": ({ network: { wireguard } }) =>
    void (wireguard && Object.assign(wireguard, { port: 1, mark: "0x7" })),
  "the key is changed": ({ network: { wireguard } }) => void (wireguard && (wireguard.publicKey = keyOf(78))),
  "wireguard-go dies": ({ network }) => network.pids.slice(0, 1).forEach((pid) => network.end(pid)),
  "wireguard-go answers no more": ({ network }) => {
    if (network.link?.kind === "tun") network.wireguard = undefined;
  },
  "the CNI folder is emptied": ({ links }) => links.clear(),
  "/run is emptied": ({ files }) => files.clear(),
  "the CNI file is edited": ({ files, links }) =>
    [...links.values()].forEach((target) => files.set(target, "{}")),
  "the CNI file is made a plain file": ({ files, links }) => {
    for (const [path, target] of [...links]) {
      files.set(path, files.get(target) ?? "");
      links.delete(path);
    }
  },
};
