// The programs of the model host: what nft, ip, wg, ss, ln and wireguard-go print when the agent's shell starts them. Refuses
// every argument list that it does not know.

import { fastpathJson } from "./model_fastpath.ts";
import type { ModelHost } from "./model_host.ts";
import { ModelTable } from "./model_table.ts";
import { Refused } from "./refused.ts";

/** What a program said, and how it ended. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is started: its name, its arguments, its standard input. */
export interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin: string;
}

const ABSENT = "Error: No such file or directory";
const LINKS = ["eth0", "eth1"];
const REFERENCE = /^table inet (wigglenet(?:-fastpath)?)-reference /;

/** All that is installed on a {@link ModelHost}. */
export class ModelPrograms {
  /** Of the dormant tables: what nft would list of them, by kind and name. */
  readonly #references = new Map<string, string>();

  /** @param addresses of eth0, with their lengths */
  constructor(readonly host: ModelHost, readonly addresses: readonly string[]) {}

  /** Runs a program to its end. */
  run(start: Start): Said {
    try {
      return { code: 0, stdout: this.#answer(start), stderr: "" };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { code: 1, stdout: "", stderr: `${error.message}\n` };
    }
  }

  #answer({ program, args, stdin }: Start): string {
    const line = args.join(" ");
    switch (program) {
      case "nft":
        return this.#nft(args, line);
      case "ip":
        return this.#ip(args, { line, stdin });
      case "wg":
        return this.#wg(args, line);
      case "ss":
        return this.host.network.pids.map((pid) => `u_str LISTEN pid=${pid},\n`).join("");
      case "ln":
        this.host.links.set(args[2]!, args[1]!);
        return "";
      case "wireguard-go":
        this.host.network.serve(args[1]!);
        return "";
    }
    throw new Error(`the model host has no ${program}`);
  }

  #fileAt(path: string): string {
    const text = this.host.files.get(path);
    if (text === undefined) throw new Refused(`cannot open ${path}: No such file or directory`);
    return text;
  }

  #nft(args: readonly string[], line: string): string {
    if (/^-f \S+$/.test(line)) {
      this.#load(this.#fileAt(args[1]!));
      return "";
    }
    const [, table, kind, name] = /^-j list (?:table inet (\S+)|(set|chain) inet (\S+ \S+))$/.exec(line) ??
      [];
    if (kind !== undefined) return found(this.#references.get(`${kind} ${name}`));
    if (table === "wigglenet") return found(this.host.table?.json());
    if (table === "wigglenet-fastpath") return found(this.host.fastpath);
    if (/^-t list table inet \S+$/.test(line)) {
      const isThere = line.endsWith("fastpath") ? this.host.fastpath : this.host.table;
      return isThere === undefined ? found(undefined) : "table inet x {\n}\n";
    }
    if (line === "-j list chains") return `{"nftables":[]}`;
    throw new Error(`the model host's nft does not know ${line}`);
  }

  #load(text: string): void {
    const [, table] = REFERENCE.exec(text) ?? [];
    if (table === undefined) return this.host.act({ kind: "run", program: "nft", args: ["-f"], input: text });
    const rest = text.split("\n").slice(2).join("\n");
    const name = `${table}-reference`;
    for (const key of this.#references.keys()) if (key.includes(` ${name} `)) this.#references.delete(key);
    const structure = rest.replaceAll(`table inet ${name} {\n\tflags dormant;`, `table inet ${table} {`);
    if (rest === "") return;
    const objects = table === "wigglenet"
      ? JSON.parse(ModelTable.of(structure).json()).nftables
      : JSON.parse(fastpathJson(structure)).nftables.slice(1);
    const ofKind = (kind: string) => objects.filter((object: object) => kind in object);
    let rules = table === "wigglenet" ? ofKind("chain") : objects;
    for (const [, kind, object] of structure.matchAll(/^\t(set|chain) (\S+) \{/gm)) {
      const own = kind === "set"
        ? ofKind("set").filter(({ set }: { set: { name: string } }) => set.name === object)
        : rules;
      if (kind === "chain") rules = []; // all of the structure is one text, which the first chain tells
      this.#references.set(`${kind} ${name} ${object}`, JSON.stringify({ nftables: own }));
    }
  }

  #ip(args: readonly string[], { line, stdin }: { line: string; stdin: string }): string {
    const { network } = this.host;
    const [, family, protocol] = /^-j -([46]) route show proto (146|boot)(?: dev \S+)?$/.exec(line) ?? [];
    if (protocol === "146") return network.routes[family === "4" ? 4 : 6].json();
    if (protocol !== undefined) return "[]";
    const [, ofHosts] = /^-j -([46]) -force -batch -$/.exec(line) ?? [];
    if (ofHosts !== undefined) return network.hostRouting[ofHosts === "4" ? 4 : 6].json();
    if (line === "-j -d -batch -") {
      const netconf = `[{"family":"inet","interface":"all","forwarding":true},` +
        `{"family":"inet6","interface":"all","forwarding":true}]`;
      const route = `[{"dst":"default","dev":"eth0"}]`;
      if (!stdin.startsWith("address show\nroute show default\nnetconf\n")) throw new Error(`ip ${stdin}`);
      return [this.#linksJson(), route, netconf, ""].join("\n");
    }
    if (line === "-j -6 route show default") return `[{"dst":"default","dev":"eth0"}]`;
    if (/^-j -d address show dev \S+$/.test(line)) {
      if (network.link?.name !== args.at(-1)) throw new Refused(`Device "${args.at(-1)}" does not exist.`);
      return network.linkJson();
    }
    if (/^-j -force -batch \S+$/.test(line)) {
      const count = this.#fileAt(args[3]!).split("\n").length - 1;
      return `[{"dst":"default","dev":"eth0"}]\n`.repeat(count);
    }
    if (/^-force -batch \S+$/.test(line)) return this.#batch(args[2]!);
    const isFile = args.includes("-batch");
    const [rest, input] = isFile ? [args.slice(0, -1), this.#fileAt(args.at(-1)!)] : [args, undefined];
    network.ip(rest, input);
    return "";
  }

  /** Each line for itself. */
  #batch(path: string): string {
    const complaints: string[] = [];
    for (const [i, text] of this.#fileAt(path).split("\n").entries()) {
      try {
        if (text !== "") this.host.network.ip(["-batch"], text);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        complaints.push(`RTNETLINK answers: ${error.message}\nCommand failed ${path}:${i + 1}`);
      }
    }
    if (complaints.length > 0) throw new Refused(complaints.join("\n"));
    return "";
  }

  #linksJson(): string {
    const addr_info = this.addresses.map((text) => {
      const [local, length] = text.split("/");
      return { local, prefixlen: Number(length), scope: "global" };
    });
    const own = JSON.parse(this.host.network.linkJson());
    const links = LINKS.map((ifname, i) => ({
      ...{ ifname, mtu: 1500, flags: ["UP"] },
      addr_info: i === 0 ? addr_info : [],
    }));
    return JSON.stringify([...links, ...own]);
  }

  #wg(args: readonly string[], line: string): string {
    const { network } = this.host;
    const name = args[1]!;
    if (!line.startsWith("show ")) {
      const isFile = args[0] === "addconf";
      network.wg(isFile ? args.slice(0, 2) : args, isFile ? this.#fileAt(args[2]!) : undefined);
      return "";
    }
    if (network.link?.name !== name || network.wireguard === undefined) {
      throw new Refused(`Unable to access interface: No such device`);
    }
    if (line === `show ${name} dump`) return network.wireguard.dump();
    if (line === `show ${name} listen-port`) return `${network.wireguard.port}\n`;
    throw new Error(`the model host's wg does not know ${line}`);
  }
}

function found(json: string | undefined): string {
  if (json === undefined) throw new Refused(ABSENT);
  return json;
}
