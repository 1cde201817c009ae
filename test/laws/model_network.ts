// Interface, routes and WireGuard of the model host, as ip, wg and wireguard-go treat them.

import { isOfHosts, ModelHostRouting } from "./model_host_routing.ts";
import { ModelRoutes } from "./model_routes.ts";
import { type ModelPeer, ModelWireguard } from "./model_wireguard.ts";
import { Refused } from "./refused.ts";

/** The interface of our name. */
export interface ModelLink {
  readonly name: string;
  readonly kind: string;
  mtu: number;
  isUp: boolean;
  readonly addresses: Set<string>;
}

/** The one that wraps. */
export interface ModelOverlay extends ModelLink {
  port: number;
}

/** At most one interface of any name, and one that wraps; the routes of our protocol. */
export class ModelNetwork {
  link: ModelLink | undefined;
  overlay: ModelOverlay | undefined;
  wireguard: ModelWireguard | undefined;
  readonly routes = { 4: new ModelRoutes(4), 6: new ModelRoutes(6) };
  readonly hostRouting = { 4: new ModelHostRouting(), 6: new ModelHostRouting() };
  /** Process ids of wireguard-go, the one that serves the interface first. */
  pids: number[] = [];
  #lastPid = 100;

  /** `ip` with arguments; a batch file is given by its text. */
  ip(args: readonly string[], input = ""): void {
    const line = args.join(" ");
    const lines = input.split("\n").filter((text) => text !== "");
    const deletions = /^-([46]) -force -batch$/.exec(line);
    const additions = /^-([46]) -batch$/.exec(line);
    if (line === "-batch") lines.forEach((text) => this.#change(text));
    else if (additions !== null) lines.forEach((text) => this.#route(additions[1] === "4" ? 4 : 6, text));
    else if (deletions !== null) this.#delete(deletions[1] === "4" ? 4 : 6, lines);
    else if (/^link del dev \S+$/.test(line)) this.deleteLink(args[3]!);
    else this.#configure(line);
  }

  #create(name: string, kind: "wireguard" | "tun"): void {
    if (this.link !== undefined) throw new Refused("File exists");
    if (this.pids.length > 0) {
      throw new Refused("an old wireguard-go would take the new interface for its own");
    }
    this.link = { name, kind, mtu: kind === "tun" ? 1500 : 1420, isUp: false, addresses: new Set() };
    if (kind === "wireguard") this.wireguard = new ModelWireguard();
  }

  /** Addresses and routes go with it; a process that served it lives on for a while. */
  deleteLink(name: string): void {
    const link = this.#linkNamed(name);
    this.dropRoutes(name);
    if (link === this.overlay) {
      this.overlay = undefined;
      return;
    }
    this.link = undefined;
    this.wireguard = undefined;
  }

  #createOverlay(name: string, port: number): void {
    if (this.overlay !== undefined) throw new Refused("File exists");
    this.overlay = { name, kind: "vxlan", port, mtu: 1500, isUp: false, addresses: new Set() };
  }

  /** An interface that goes, or goes down, has none any more. */
  dropRoutes(name: string): void {
    for (const family of [4, 6] as const) {
      this.routes[family].dropDevice(name);
      this.hostRouting[family].dropDevice(name);
    }
  }

  #linkNamed(name: string): ModelLink {
    const found = [this.link, this.overlay].find((link) => link?.name === name);
    if (found === undefined) throw new Refused(`Cannot find device "${name}"`);
    return found;
  }

  #configure(line: string): void {
    const words = line.split(" ");
    if (/^link add dev \S+ type wireguard$/.test(line)) return this.#create(words[3]!, "wireguard");
    if (/^tuntap add dev \S+ mode tun$/.test(line)) return this.#create(words[3]!, "tun");
    const [, name, port] = WRAPS.exec(line) ?? [];
    if (name !== undefined) return this.#createOverlay(name, Number(port));
    if (/^link del dev \S+$/.test(line)) return this.deleteLink(words[3]!);
    const link = this.#linkNamed(words[words.indexOf("dev") + 1] ?? "");
    if (/^address replace \S+ dev \S+$/.test(line)) link.addresses.add(words[2]!);
    else if (/^address del \S+ dev \S+$/.test(line)) {
      if (!link.addresses.delete(words[2]!)) throw new Refused("Cannot assign requested address");
    } else if (/^link set dev \S+ mtu \d+ up$/.test(line)) {
      link.mtu = Number(words[5]);
      link.isUp = true;
    } else throw new Refused(`unknown: ip ${line}`);
  }

  /** The family of a route is that of its destination. */
  #change(line: string): void {
    if (line.startsWith("route ")) this.#route(line.includes(":") ? 6 : 4, line);
    else this.#configure(line);
  }

  #route(family: 4 | 6, line: string): void {
    const [, place, device] = FLUSH.exec(line) ?? [];
    if (device !== undefined) return this.routes[family].dropDevice(device, place);
    if (isOfHosts(line)) {
      return this.hostRouting[family].run(line, this.link?.isUp ? this.link.name : undefined);
    }
    this.routes[family].run(line, [this.link, this.overlay].flatMap((link) => link?.isUp ? [link.name] : []));
  }

  #delete(family: 4 | 6, lines: readonly string[]): void {
    let failure: unknown;
    for (const line of lines) {
      try {
        this.#route(family, line);
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** Starts wireguard-go. */
  serve(name: string): void {
    if (this.#linkNamed(name).kind !== "tun") throw new Refused("not a TUN device");
    if (this.pids.length > 0) throw new Refused("Device or resource busy");
    this.pids = [++this.#lastPid];
    this.wireguard = new ModelWireguard();
    this.link!.mtu = 1420;
  }

  /** Kills a wireguard-go. */
  end(pid: number): void {
    if (this.pids[0] === pid && this.link?.kind === "tun") this.wireguard = undefined;
    this.pids = this.pids.filter((other) => other !== pid);
  }

  /** Asks for peers that are there, and leaves them with the keepalive that is said. */
  greet(name: string, peers: readonly { publicKey: string; keepaliveSeconds: number }[]): void {
    this.#linkNamed(name);
    for (const { publicKey, keepaliveSeconds } of peers) {
      const peer = this.peers.get(publicKey);
      if (peer === undefined) throw new Refused(`no peer ${publicKey}`);
      peer.keepalive = keepaliveSeconds === 0 ? "off" : String(keepaliveSeconds);
    }
  }

  /** `wg set NAME ...` and `wg addconf NAME`. */
  wg([verb, name, ...rest]: readonly string[], input: string | undefined): void {
    if (this.#linkNamed(name ?? "") && this.wireguard === undefined) {
      throw new Refused("Unable to access interface");
    }
    if (verb === "set" && input === undefined) this.wireguard!.set(rest);
    else if (verb === "addconf" && rest.length === 0 && input !== undefined) {
      this.wireguard!.addConfiguration(input);
    } else throw new Refused(`unknown: wg ${verb}`);
  }

  /** What `ip -j -d address show` prints. */
  linkJson(): string {
    return shown(this.link);
  }

  /** The same of the interface that wraps. */
  overlayJson(): string {
    const { port } = this.overlay ?? {};
    const info_data = { external: true, gpe: true, port, learning: false, udp_zero_csum6_rx: true };
    return shown(this.overlay, { info_data });
  }

  /** The peers, for somebody who disturbs them. */
  get peers(): Map<string, ModelPeer> {
    return this.wireguard?.peers ?? new Map();
  }
}

const WRAPS = /^link add dev (\S+) type vxlan external gpe dstport (\d+) nolearning udp6zerocsumrx$/;

const FLUSH = /^route flush (?:exact (\S+) )?dev (\S+) proto 146$/;

function shown(link: ModelLink | undefined, besides = {}): string {
  if (link === undefined) return "[]";
  const { name, kind, mtu, isUp, addresses } = link;
  const flags = isUp ? ["POINTOPOINT", "UP"] : ["POINTOPOINT"];
  const local = (text: string, scope: string) => {
    const [address, prefixlen] = text.split("/");
    return { local: address, prefixlen: Number(prefixlen), scope };
  };
  const addr_info = [...[...addresses].map((text) => local(text, "global")), local("fe80::1/64", "link")];
  return JSON.stringify([{ ifname: name, mtu, flags, linkinfo: { info_kind: kind, ...besides }, addr_info }]);
}
