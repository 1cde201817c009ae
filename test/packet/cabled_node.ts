// A node that has the ruleset and routes that `wigglenet render` prints, and nothing but cables around it:
//
//   pod-a ──┐                ┌── lan        10.9.1.1, default route: the world, an outsider, other nodes
//   pod-b ──┤ node (a real   │
//           │ kernel's IP) ──┼── wigglenet  a veth in the tunnel's place: what comes out of it was decrypted
//                            └── wigglenet-next, the tunnel's second interface while a key rotates: no route leads there
//
// The far ends have no IP of their own: all that they send is made by hand, all that comes out is seen.

import { bytesOf, frameOf } from "../lab/craft.ts";
import type { Packet } from "../lab/frames.ts";
import { hold, Host } from "../lab/host.ts";
import { AGENT_ARGV } from "../lab/lab.ts";
import { type Family, type Manifest, manifestOf } from "../lab/manifest.ts";
import { assertInside } from "../lab/outer.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { sendOut, sendUdp, Wire } from "../lab/wire.ts";

/** The cables of the node. */
export const LINKS = ["pod-a", "pod-b", "lan", "wigglenet", "wigglenet-next"] as const;
/** A cable. */
export type Link = (typeof LINKS)[number];

/** Who takes part: where its packets belong, and its addresses. */
export interface Place {
  readonly link: Link | "host";
  readonly addresses: Readonly<Record<Family, string>>;
}

function place(link: Place["link"], ipv4: string, ipv6: string): Place {
  return { link, addresses: { 4: ipv4, 6: ipv6 } };
}

/**
 * By name. The host's are also gateway and vip, which a test must add. n2 is a peer; n3 has no key; no Node has unknown-pod, which
 * CLUSTER_POD_CIDRS may cover.
 */
export const PLACES: Readonly<Record<string, Place>> = {
  "host": place("host", "10.9.1.1", "fd09::1"),
  "gateway": place("host", "10.244.1.1", "fd00:10:244:1::1"),
  "vip": place("host", "10.9.1.50", "fd09::32"),
  "pod-a": place("pod-a", "10.244.1.10", "fd00:10:244:1::a"),
  "pod-b": place("pod-b", "10.244.1.11", "fd00:10:244:1::b"),
  "no-pod": place("pod-a", "10.244.1.99", "fd00:10:244:1::63"),
  "peer-pod": place("wigglenet", "10.244.2.5", "fd00:10:244:2::5"),
  "peer-pod-2": place("wigglenet", "10.244.2.6", "fd00:10:244:2::6"),
  "peer-pod-3": place("wigglenet", "10.244.2.7", "fd00:10:244:2::7"),
  "peer-node": place("lan", "10.9.1.2", "fd09::2"),
  "keyless-node": place("lan", "10.9.1.3", "fd09::3"),
  "keyless-pod": place("lan", "10.244.3.5", "fd00:10:244:3::5"),
  "unknown-pod": place("lan", "10.244.200.5", "fd00:10:244:200::5"),
  "outsider": place("lan", "10.9.1.200", "fd09::c8"),
  "world": place("lan", "192.0.2.9", "2001:db8::9"),
  "service": place("lan", "10.96.0.1", "fd00:96::1"),
  "elsewhere": place("lan", "198.51.100.7", "2001:db8:1::7"),
};

const KEYS = ["aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMTE=", "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI="];
const MAC = "02:00:00:00:00:01";
/** After its turn nothing moves any more: what is late by this much was not sent. */
const QUIET_MS = 15;

/** What the node is given. */
export interface CabledNodeOptions {
  /** As flags without their dashes: `{ "filter-ipv4": "true" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** More links than cables, as lines for `ip -batch`, before what is rendered. */
  readonly links?: readonly string[];
  /** More lines for `ip -batch`, after the rendered routes. */
  readonly ip?: readonly string[];
}

/** What came of a sent packet: where it came out, and as what. */
export interface Arrival {
  readonly link: Link;
  readonly packet: Packet;
}

/** A packet to send: by a cable, by the node as IPVS does it, or by a socket of the node itself. */
export type Shot =
  | { readonly link: Link | "ipvs"; readonly packet: Uint8Array<ArrayBuffer> }
  | { readonly link: "host"; readonly address: string; readonly ports: readonly [number, number] };

/** A node between cables. `await using` takes it down. */
export class CabledNode {
  readonly #wires: ReadonlyMap<Link, Wire>;
  #shots = 0;

  private constructor(readonly node: Host, private readonly far: Host) {
    this.#wires = new Map(LINKS.map((link) => [link, new Wire(far, link)]));
  }

  /** Builds the node and loads what `render` prints for it. */
  static async create({ settings = {}, links = [], ip = [] }: CabledNodeOptions = {}): Promise<CabledNode> {
    assertInside();
    const [node, far, rendered] = await Promise.all([
      hold("node", { hasOwnMounts: true }).then((namespace) => new Host(namespace)),
      hold("cables").then((namespace) => new Host(namespace)),
      render(settings),
    ]);
    await far.sysctl("1", ["net.ipv6.conf.default.disable_ipv6"]);
    await node.sysctl("1", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);
    await node.sysctl("0", ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"]);
    await node.sysctl("0", ["net.ipv6.conf.default.accept_dad", "net.ipv6.conf.default.autoconf"]);
    // By the mask: the limit for the whole host has no other switch. ICMPv6 has no type 127.
    await node.sysctl("0", ["net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit", "net.ipv4.icmp_ratemask"]);
    await node.sysctl("127", ["net.ipv6.icmp.ratemask"]);
    await node.ip(cables(far.pid));
    await far.ip(LINKS.map((link) => `link set ${link} up`));
    await node.ip([...links, ...rendered.addresses, ...rendered.routes, ...ip]);
    for (const line of rendered.hostRouting) await node.run(["ip", ...line.split(" ")]);
    await node.run(["nft", "-f", "-"], { stdin: rendered.nft });
    return new CabledNode(node, far);
  }

  /** Marks a payload, so that the packet is known again wherever it comes out. */
  mark(): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(`shot${String(++this.#shots).padStart(8, "0")}`);
  }

  /**
   * Sends packets and waits until the node is done with them.
   * @param expected how many must come out: waited for, up to a second
   * @returns for each mark what came out with it
   */
  async shoot(
    shots: readonly (Shot & { mark: Uint8Array<ArrayBuffer> })[],
    expected = 0,
  ): Promise<Arrival[][]> {
    const arrivals: Arrival[][] = shots.map(() => []);
    const collect = () => {
      let seen = 0;
      for (const [link, wire] of this.#wires) {
        for (const packet of wire.receive()) {
          const i = shots.findIndex(({ mark }) => holds(packet.payload, mark));
          if (i < 0) continue;
          arrivals[i]!.push({ link, packet });
          seen++;
        }
      }
      return seen;
    };
    collect();
    for (const shot of shots) this.#send(shot);
    const start = performance.now();
    let lastMs = start;
    await until("the node to be done", () => {
      if (collect() > 0) lastMs = performance.now();
      const isQuiet = performance.now() - lastMs >= QUIET_MS;
      const isComplete = arrivals.filter((list) => list.length > 0).length >= expected;
      return isQuiet && (isComplete || performance.now() - start > 1_000);
    }, { pauseMs: 1 });
    return arrivals;
  }

  #send(shot: Shot & { mark: Uint8Array<ArrayBuffer> }): void {
    if (shot.link === "host") {
      sendUdp(this.node, { address: bytesOf(shot.address), ports: shot.ports, payload: shot.mark });
    } else if (shot.link === "ipvs") sendOut(this.node, shot.packet);
    else this.#wires.get(shot.link)!.send(frameOf(shot.packet, MAC));
  }

  /** The way of a packet through all rules of the node, as nft tells it; it is sent until nft does. */
  async trace(link: Shot["link"], send: () => Promise<unknown>): Promise<string> {
    const isOwn = link === "host" || link === "ipvs";
    const hook = isOwn ? "output" : "prerouting";
    const match = isOwn ? "meta l4proto { tcp, udp, sctp } th sport > 20000" : `iifname "${link}"`;
    await this.node.run(["nft", "-f", "-"], {
      stdin:
        `table inet tracing { chain ${hook} {\ntype filter hook ${hook} priority -350\n${match} meta nftrace set 1\n}\n}`,
    });
    const monitor = this.node.start(["nft", "monitor", "trace"]);
    await until("a trace", async () => {
      await send();
      return monitor.stdout.length > 0;
    }, { deadlineMs: 2_000 }).catch(() => {});
    await monitor.kill("SIGTERM");
    await this.node.run(["nft", "delete", "table", "inet", "tracing"]);
    const first = /^trace id \w+/.exec(monitor.stdout[0] ?? "")?.[0] ?? "(no trace)";
    const lines = monitor.stdout.filter((line) =>
      line.startsWith(first) && !/inet tracing| packet: /.test(line)
    );
    return lines.map((line) => `      ${line.slice(first.length + 1)}`).join("\n");
  }

  async close(): Promise<void> {
    for (const wire of this.#wires.values()) wire.close();
    await Promise.all([this.node.close(), this.far.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function holds(bytes: Uint8Array, mark: Uint8Array): boolean {
  for (let i = 0; i + mark.length <= bytes.length; i++) {
    if (mark.every((byte, j) => byte === bytes[i + j])) return true;
  }
  return false;
}

/** All ends of the node have one MAC address and ask nobody for another's. */
function cables(farPid: number): string[] {
  const lines = LINKS.flatMap((link) => [
    `link add ${link} address ${MAC}${
      link === "wigglenet-next" ? " group 146" : ""
    } type veth peer name ${link} netns ${farPid}`,
    `link set ${link} arp off up`,
  ]);
  const { host } = PLACES;
  lines.push(
    `address add ${host!.addresses[4]}/24 dev lan`,
    `address add ${host!.addresses[6]}/64 dev lan nodad`,
  );
  lines.push("route add default via 10.9.1.254", "route add default via fd09::fe");
  for (const pod of ["pod-a", "pod-b"]) {
    // As the ptp plugin does: one route for each address, no prefix on the interface.
    for (const address of Object.values(PLACES[pod]!.addresses)) {
      lines.push(`route add ${address} dev ${pod}`);
    }
  }
  return lines;
}

interface RenderedTexts {
  readonly nft: string;
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  /** Of HOST_ENCRYPTION, as arguments of `ip`. */
  readonly hostRouting: readonly string[];
}

/** Runs `wigglenet render` for n1 in a cluster of n1, n2 and the keyless n3. */
async function render(settings: Readonly<Record<string, string>>): Promise<RenderedTexts> {
  const nodes = [1, 2, 3].map((i) => withKey(manifestOf(i), KEYS[i - 1]));
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, JSON.stringify({ apiVersion: "v1", kind: "List", items: nodes }) + "\n");
    const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    const argv = [...AGENT_ARGV, "render", "--json", "--node-name=n1", `--nodes=${path}`, ...flags];
    const { nft, addresses, routes, hostRouting } = JSON.parse(await run(argv)) as {
      nft: string;
      addresses: { address: string; dev: string }[];
      routes: { text: string }[];
      hostRouting?: Record<Family, string[]>;
    };
    return {
      nft,
      addresses: addresses.map(({ address, dev }) => `address add ${address} dev ${dev}`),
      routes: routes.map(({ text }) => `route add ${text}`),
      hostRouting: ([4, 6] as const).flatMap((family) =>
        (hostRouting?.[family] ?? []).map((line) =>
          `-${family} ${line.replace("rule ", "rule add ").replace(/^route (.*)/, "route add $1 table 146")}`
        )
      ),
    };
  } finally {
    await Deno.remove(path);
  }
}

function withKey(manifest: Manifest, key: string | undefined): Manifest {
  if (key !== undefined) manifest.metadata.annotations = { "wigglenet/public-key": key };
  return manifest;
}
