// Nodes, an underlay and an outsider, built from Node manifests in network namespaces of this machine.
//
//   n1 ──┐  bridge "underlay" in a namespace of its own: 10.9.1.0/24, fd09::/64
//   n2 ──┼── .254 / ::fe is everybody's default route and goes nowhere: what leaks arrives there
//   n3 ──┘   outsider: .200 / ::c8, routes pod prefixes to their nodes, takes no part in the mesh

import { AGENT, type Agent, type Layout, layOut, requireBuilt } from "./agent.ts";
import { Capture } from "./capture.ts";
import { hold, Host, type Namespace } from "./host.ts";
import { addressesOf, type Families, type Family, familyOf, type Manifest, manifestOf } from "./manifest.ts";
import { Node } from "./node.ts";
import { assertInside } from "./outer.ts";
import { run } from "./process.ts";
import { startReaping, stopReaping } from "./reaper.ts";

/** What a laboratory is made of. */
export interface LabOptions {
  /** How many nodes of {@link manifestOf}, or their manifests. */
  readonly nodes: number | readonly Manifest[];
  readonly families?: Families;
  /** MTU of the underlay in bytes, default 1500. */
  readonly mtuBytes?: number;
  /** Default: that of the whole run. */
  readonly agent?: Agent;
}

// A mount point that every Linux has and nobody keeps a checkout in.
const MEMORY = "/dev/shm";
const ROUTER: Record<Family, string> = { 4: "10.9.1.254", 6: "fd09::fe" };
const OUTSIDER: Record<Family, string> = { 4: "10.9.1.200", 6: "fd09::c8" };
const LENGTH: Record<Family, number> = { 4: 24, 6: 64 };

/** The argument list of this run's agent, without verb and settings. */
export const AGENT_ARGV: readonly string[] = AGENT.argv;

/** A laboratory. Make it with {@link Lab.create}; `await using` closes it. */
export class Lab {
  readonly nodes: Node[] = [];
  outsider!: Host;
  readonly #guests: Host[] = [];

  private constructor(
    private readonly options: LabOptions,
    /** The namespace of the bridge, `underlay`, and of the router. */
    readonly underlay: Host,
    /** The only place with files of this laboratory; in memory. */
    readonly folder: string,
  ) {}

  /** Builds everything; agents and pods are started by the test. */
  static async create(options: LabOptions): Promise<Lab> {
    assertInside();
    await requireBuilt(options.agent ?? AGENT);
    await mountMemory();
    startReaping();
    const folder = await Deno.makeTempDir({ dir: MEMORY, prefix: "lab-" });
    const lab = new Lab(options, new Host(await hold("underlay")), folder);
    await Deno.mkdir(lab.nodesFolder);
    await lab.#buildUnderlay();
    const { nodes } = options;
    const manifests = typeof nodes === "number"
      ? Array.from({ length: nodes }, (_, i) => manifestOf(i + 1, options.families))
      : nodes;
    // Names are taken in order, whoever is ready first.
    lab.nodes.push(...await Promise.all(manifests.map((manifest) => lab.#buildNode(manifest))));
    lab.outsider = new Host(await hold("outsider"));
    await lab.#join(lab.outsider, lab.outsiderAddresses);
    for (const node of lab.nodes) await lab.#routeOutsider(node);
    return lab;
  }

  /** Folder of Node manifests that all agents read. */
  get nodesFolder(): string {
    return `${this.folder}/nodes`;
  }

  /** Pod CIDRs of all nodes. */
  get podCIDRs(): string[] {
    return this.nodes.flatMap((node) => [...node.podCIDRs]);
  }

  /** Addresses of the outsider. */
  get outsiderAddresses(): string[] {
    return this.#families.map((family) => OUTSIDER[family]);
  }

  get #agent(): Agent {
    return this.options.agent ?? AGENT;
  }

  get #families(): readonly Family[] {
    return this.options.families?.underlay ?? [4, 6];
  }

  /** One node more; its manifest is published like the others'. */
  async addNode(
    manifest: Manifest = manifestOf(this.nodes.length + 1, this.options.families),
  ): Promise<Node> {
    const node = await this.#buildNode(manifest);
    this.nodes.push(node);
    await this.#routeOutsider(node);
    return node;
  }

  /** A machine more on the underlay that is no node, with these addresses; it ends with the laboratory. */
  async addHost(name: string, addresses: readonly string[], { hasOwnMounts = false } = {}): Promise<Host> {
    const host = new Host(await hold(name, { hasOwnMounts }));
    this.#guests.push(host);
    await this.#join(host, addresses);
    return host;
  }

  /** Cuts the power of a node and starts it again. Its pods and programs are gone; the test starts new ones. */
  async reboot(node: Node): Promise<Node> {
    await node.close();
    // The kernel gives back what was in a network some time after its last process.
    await this.underlay.attempt(["ip", "link", "del", node.name]);
    const anew = node.rebooted(await this.#holdNode(node.name));
    await this.#wire(anew);
    this.nodes.splice(this.nodes.indexOf(node), 1, anew);
    return anew;
  }

  /** Writes a Node to the folder that the agents read, in one step. JSON is YAML too. */
  async publish(manifest: Manifest): Promise<void> {
    const name = manifest.metadata.name;
    await Deno.writeTextFile(`${this.folder}/${name}.part`, JSON.stringify(manifest, null, 2));
    await Deno.rename(`${this.folder}/${name}.part`, `${this.nodesFolder}/${name}.yaml`);
  }

  /** Takes a Node out of that folder. */
  async withdraw(name: string): Promise<void> {
    await Deno.remove(`${this.nodesFolder}/${name}.yaml`);
  }

  /** Captures all that crosses the underlay. */
  capture(): Promise<Capture> {
    return Capture.start(this.underlay, "underlay");
  }

  /** Waits until a capture shows all that was sent before. */
  catchUp(capture: Capture): Promise<void> {
    return capture.catchUp(this.underlay, addressesOf(this.nodes[0]!.manifest)[0]!);
  }

  /** What each node would show an operator. */
  async diagnose(): Promise<string> {
    return (await Promise.all(this.nodes.map((node) => node.diagnose()))).join("\n");
  }

  /** Ends all programs of this laboratory and removes its files. */
  async close(): Promise<void> {
    const hosts = [...this.nodes, ...this.#guests, this.outsider, this.underlay];
    await Promise.all(hosts.map((host) => host.close()));
    await Deno.remove(this.folder, { recursive: true });
    stopReaping();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #buildUnderlay(): Promise<void> {
    const { mtuBytes = 1500 } = this.options;
    await this.underlay.ip([
      `link add underlay mtu ${mtuBytes} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      ...addAddresses("underlay", this.#families.map((family) => ROUTER[family])),
      "link set underlay up",
    ]);
  }

  async #join(host: Host, addresses: readonly string[]): Promise<void> {
    const { mtuBytes = 1500 } = this.options;
    // Duplicate address detection would keep link-local addresses waiting for a second.
    await host.sysctl("0", ["net.ipv6.conf.all.accept_dad", "net.ipv6.conf.default.accept_dad"]);
    await this.underlay.ip([
      `link add ${host.name} mtu ${mtuBytes} type veth peer name eth0 mtu ${mtuBytes} netns ${host.pid}`,
      `link set ${host.name} master underlay up`,
    ]);
    await host.ip([
      ...addAddresses("eth0", addresses),
      "link set eth0 up",
      ...this.#families.map((family) => `route add default via ${ROUTER[family]}`),
    ]);
  }

  async #buildNode(manifest: Manifest): Promise<Node> {
    const name = manifest.metadata.name;
    const layout = this.#layoutOf(name);
    const { folder } = layout;
    await Deno.mkdir(`${folder}/cni`, { recursive: true });
    const namespace = await this.#holdNode(name);
    const key = (await run(["wg", "genkey"])).trim();
    await Deno.writeTextFile(`${folder}/private.key`, key, { mode: 0o600 });
    const publicKey = (await run(["wg", "pubkey"], { stdin: key })).trim();
    const annotations = { ...manifest.metadata.annotations, "wigglenet/public-key": publicKey };
    const published = { ...manifest, metadata: { ...manifest.metadata, annotations } };
    const node = new Node(namespace, { ...layout, manifest: published, agent: this.#agent });
    await this.#wire(node);
    await this.publish(published);
    return node;
  }

  /** The namespaces of a node whose folder is there, laid out as its agent needs it. */
  async #holdNode(name: string): Promise<Namespace> {
    const namespace = await hold(name, { hasOwnMounts: true });
    const agent = this.#agent;
    if (agent.isShipped) await layOut(this.#layoutOf(name), { enter: namespace.enter, agent });
    return namespace;
  }

  #layoutOf(name: string): Layout {
    return { folder: `${this.folder}/${name}`, labFolder: this.folder, nodesFolder: this.nodesFolder };
  }

  async #wire(node: Node): Promise<void> {
    await node.sysctl("1", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]);
    await node.sysctl("0", ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"]);
    await this.#join(node, addressesOf(node.manifest));
  }

  async #routeOutsider(node: Node): Promise<void> {
    const routes = node.podCIDRs.flatMap((prefix) => {
      const via = node.address(familyOf(prefix));
      return via === undefined ? [] : [`route add ${prefix} via ${via}`];
    });
    await this.outsider.ip(routes);
  }
}

/** One mount for laboratories that are made at once: a second would hide the folder of the first. */
let memory: Promise<void> | undefined;

/** Once in each outer namespace; a nested one must not write to the memory of the one around it. */
function mountMemory(): Promise<void> {
  return memory ??= (async () => {
    const mark = `${MEMORY}/.laboratory`;
    const namespace = await Deno.readLink("/proc/self/ns/mnt");
    if (await Deno.readTextFile(mark).catch(() => "") === namespace) return;
    await run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", MEMORY]);
    await Deno.writeTextFile(mark, namespace);
  })();
}

function addAddresses(link: string, addresses: readonly string[]): string[] {
  return addresses.map((address) => {
    const family = familyOf(address);
    return `address add ${address}/${LENGTH[family]} dev ${link}${family === 6 ? " nodad" : ""}`;
  });
}
