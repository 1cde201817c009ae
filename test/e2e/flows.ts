// Who reaches whom, as tests of policy write it: `+ far > two` is answered, by every family that the cluster has, and by
// that pod; `- one > two` by none. Ends are pods, `node/near`, `node/far`, and as targets `service/NAME`.

import type { Output } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { GUESTS, HTTP, NAMESPACE, NODE_HTTP } from "./pods.ts";
import { at, type World } from "./world.ts";

/** What is allowed is answered within milliseconds. */
const ANSWER_S = 1;
/** A policy takes effect within some of them; a machine that is busy takes longer to ask. */
const EFFECT_MS = 15_000;

interface Flow {
  readonly line: string;
  readonly from: string;
  readonly to: string;
}

interface Target {
  /** Who answers there. */
  readonly name: string;
  readonly urls: readonly string[];
}

/** Asks. Addresses are looked up once. */
export class Flows {
  readonly #targets = new Map<string, Promise<Target>>();

  constructor(private readonly world: World) {}

  /** Waits until all of it is so at once. */
  async hold(lines: readonly string[]): Promise<void> {
    const flows = lines.map(parseFlow);
    let seen: string[] = [];
    await until(`\n${lines.join("\n")}`, async () => {
      const bySource = Map.groupBy(flows, ({ from }) => from);
      const all = await Promise.all([...bySource].map(([from, own]) => this.#ask(from, own)));
      const found = new Map(all.flat());
      seen = flows.map(({ line, from, to }) => `${found.get(line)} ${from} > ${to}`);
      return seen.every((line, i) => line === lines[i]);
    }, { deadlineMs: EFFECT_MS, pauseMs: 100, seen: () => `but\n${seen.join("\n")}` });
  }

  /** Each flow's line, and `+`, `-`, or the families that are answered. */
  async #ask(from: string, flows: readonly Flow[]): Promise<(readonly [string, string])[]> {
    const targets = await Promise.all(flows.map(({ to }) => this.#target(to)));
    const asks = targets.flatMap(({ urls }, i) => urls.map((url, family) => ask(`${i}.${family}`, url)));
    const { stdout, stderr, code } = await this.#run(from, `${asks.join("\n")}\nwait`);
    if (code !== 0) throw new Error(`${from} cannot ask: ${stderr.trim()}`);
    const answers = new Map(
      stdout.split("\n").map((line) => line.split(" ")).map(([key, ...answer]) => [key, answer.join(" ")]),
    );
    return flows.map(({ line }, i) => {
      const { name, urls } = targets[i]!;
      const answered = urls.filter((_, family) => answers.get(`${i}.${family}`) === name);
      const sign = answered.length === urls.length ? "+" : answered.length === 0 ? "-" : answered.join(",");
      return [line, sign] as const;
    });
  }

  async #run(from: string, script: string): Promise<Output> {
    const { cluster, near, far } = this.world;
    const argv = ["bash", "-c", script];
    if (from === "node/near" || from === "node/far") {
      return await cluster.tryOnNode(from === "node/near" ? near : far, argv);
    }
    return await cluster.tryKubectl(["-n", namespaceOf(from), "exec", from, "--", ...argv]);
  }

  #target(to: string): Promise<Target> {
    const known = this.#targets.get(to) ?? this.#find(to);
    this.#targets.set(to, known);
    return known;
  }

  async #find(to: string): Promise<Target> {
    const { world } = this;
    const [kind, of] = to.split("/") as [string, string?];
    const urls = (addresses: readonly string[], port: number) =>
      addresses.map((address) => `http://${at(address, port)}/hostname`);
    if (kind === "node") {
      const name = of === "near" ? world.near : world.far;
      const addresses = world.families.map((family) => world.nodeAddress(name, family));
      return { name, urls: urls(await Promise.all(addresses), NODE_HTTP) };
    }
    if (kind === "service") {
      const { spec } = await world.cluster.json(["-n", NAMESPACE, "get", "service", of!]);
      return { name: of!, urls: urls(spec.clusterIPs, 80) };
    }
    const { status } = await world.cluster.json(["-n", namespaceOf(to), "get", "pod", to]);
    return { name: to, urls: urls(status.podIPs.map(({ ip }: { ip: string }) => ip), HTTP) };
  }
}

function parseFlow(line: string): Flow {
  const [, from, to] = /^[+-] (\S+) > (\S+)$/.exec(line) ?? [];
  if (from === undefined || to === undefined) throw new Error(`"${line}" is no flow`);
  return { line, from, to };
}

function namespaceOf(pod: string): string {
  return pod === "guest" ? GUESTS : NAMESPACE;
}

/** Of the shell: asks in the background, and prints the key and what was answered. */
function ask(key: string, url: string): string {
  return `(a=$(curl -gs --noproxy '*' -m ${ANSWER_S} '${url}'); echo "${key} $a") &`;
}
