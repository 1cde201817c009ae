// A router between a sender and a receiver, each in a namespace of its own:
//
//   sender eth0 ── "entry" router "exit" ── eth0 receiver (drops at ingress what comes)

import { hold, Host } from "../lab/host.ts";
import type { Family } from "../lab/manifest.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import type { Sent } from "./sender.ts";
import type { Traffic } from "./udp_frames.ts";

/** What the packets of a road are. */
export interface Way {
  readonly name: string;
  /** The router's interfaces. */
  readonly entry: string;
  readonly exit: string;
  readonly from: Readonly<Record<Family, string>>;
  readonly to: Readonly<Record<Family, string>>;
  /** Addresses of the router towards the receiver, that masquerading takes. */
  readonly own?: Readonly<Record<Family, string>>;
}

const MAC = {
  sender: "02:00:00:00:00:01",
  entry: "02:00:00:00:00:02",
  exit: "02:00:00:00:00:03",
  receiver: "02:00:00:00:00:04",
};
const PORTS = { sourcePort: 10_000, destinationPort: 20_000 };
const SENDER = new URL("sender.ts", import.meta.url).pathname;
const PROGRAM = [Deno.execPath(), "run", "--quiet", "--cached-only", "-A", SENDER, "eth0"];
const FAMILIES: readonly Family[] = [4, 6];

/** A road that stands. Make it with {@link Road.build}. */
export class Road {
  #flow = 0;

  private constructor(
    readonly way: Way,
    private readonly hosts: { readonly router: Host; readonly receiver: Host },
    private readonly programs: { readonly there: Process; readonly back: Process },
  ) {}

  static async build(way: Way): Promise<Road> {
    const namespaces = await Promise.all(["sender", "router", "receiver"].map((name) => hold(name)));
    const [sender, router, receiver] = namespaces.map((namespace) => new Host(namespace)) as [
      Host,
      Host,
      Host,
    ];
    for (const host of [sender, router, receiver]) {
      await host.sysctl("0", ["net.ipv6.conf.all.accept_dad", "net.ipv6.conf.default.accept_dad"]);
      await host.sysctl("0", ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"]);
    }
    await router.sysctl("1", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);
    await link(router, { name: way.entry, mac: MAC.entry, peer: sender, peerMac: MAC.sender });
    await link(router, { name: way.exit, mac: MAC.exit, peer: receiver, peerMac: MAC.receiver });
    for (const family of FAMILIES) await router.ip(routesOf(way, family));
    for (const host of [sender, receiver]) await host.run(["nft", "-f", "-"], { stdin: SINK });
    return new Road(way, { router, receiver }, {
      there: sender.start(PROGRAM),
      back: receiver.start(PROGRAM),
    });
  }

  /** Loads a ruleset in place of the last one and forgets all flows. */
  async load(ruleset: string): Promise<void> {
    await this.hosts.router.run(["nft", "-f", "-"], { stdin: `flush ruleset\n${ruleset}` });
    await this.forget();
  }

  private async forget(): Promise<void> {
    await this.hosts.router.run(["conntrack", "-F"]);
  }

  /** Packets of one flow that was answered before. */
  async sendEstablished(family: Family, count: number): Promise<Sent> {
    const { way: { to, own }, programs } = this;
    await this.#send(family, { count: 1 });
    const answer: Traffic = {
      source: to[family],
      destination: own?.[family] ?? this.way.from[family],
      sourceMac: MAC.receiver,
      destinationMac: MAC.exit,
      sourcePort: PORTS.destinationPort,
      destinationPort: PORTS.sourcePort,
      count: 1,
    };
    await ask(programs.back, answer);
    await until("the router to see the answer", async () => {
      const flows = await this.hosts.router.run(["conntrack", "-L", "-f", family === 4 ? "ipv4" : "ipv6"]);
      return flows.includes("udp") && !flows.includes("UNREPLIED");
    });
    return await this.#send(family, { count });
  }

  /** Packets of as many flows, none of them seen before. */
  async sendNew(family: Family, count: number): Promise<Sent> {
    await this.forget();
    this.#flow += count;
    return await this.#send(family, { count, firstFlow: this.#flow });
  }

  /** Sends, and makes sure that all of it arrived: a dropped packet is a cheap one. */
  async #send(family: Family, amount: Pick<Traffic, "count" | "firstFlow">): Promise<Sent> {
    const { from, to } = this.way;
    const before = await this.#arrived();
    const sent = await ask(this.programs.there, {
      source: from[family],
      destination: to[family],
      sourceMac: MAC.sender,
      destinationMac: MAC.entry,
      ...PORTS,
      ...amount,
    });
    await until(`${amount.count} packets on the way ${this.way.name} to arrive`, async () => {
      return await this.#arrived() - before >= amount.count;
    }, { deadlineMs: 2_000, seen: async () => `${await this.#arrived() - before} arrived` });
    return sent;
  }

  async #arrived(): Promise<number> {
    const text = await Deno.readTextFile(`/proc/${this.hosts.receiver.pid}/net/dev`);
    return Number(/^ *eth0: *\d+ +(\d+)/m.exec(text)![1]);
  }
}

const SINK = `table netdev sink {
	chain ingress {
		type filter hook ingress device eth0 priority -500; policy drop;
	}
}
`;

interface Veth {
  readonly name: string;
  readonly mac: string;
  readonly peer: Host;
  readonly peerMac: string;
}

async function link(router: Host, { name, mac, peer, peerMac }: Veth): Promise<void> {
  await router.ip([
    `link add ${name} address ${mac} type veth peer name eth0 address ${peerMac} netns ${peer.pid}`,
    `link set ${name} up`,
  ]);
  await peer.ip(["link set eth0 up"]);
}

function routesOf({ entry, exit, from, to, own }: Way, family: Family): string[] {
  const length = family === 4 ? 32 : 128;
  const address = own === undefined
    ? []
    : [`address add ${own[family]}/${length} dev ${exit}${family === 6 ? " nodad" : ""}`];
  return [
    ...address,
    `route add ${from[family]}/${length} dev ${entry}`,
    `route add ${to[family]}/${length} dev ${exit}`,
    `neighbour replace ${from[family]} lladdr ${MAC.sender} dev ${entry} nud permanent`,
    `neighbour replace ${to[family]} lladdr ${MAC.receiver} dev ${exit} nud permanent`,
  ];
}

async function ask(program: Process, traffic: Traffic): Promise<Sent> {
  const before = program.stdout.length;
  await program.write(`${JSON.stringify(traffic)}\n`);
  return await until("the sender to report", () => {
    const line = program.stdout[before];
    return line === undefined ? undefined : JSON.parse(line) as Sent;
  }, { deadlineMs: 30_000, seen: () => program.tail() });
}
