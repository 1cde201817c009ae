// Tables of who may talk to whom, judged by real packets. One line a case:
//
//   pod-a         -> world       udp 53              masquerade
//   v4 pod-b@lan  -> pod-a       tcp 80              drop          (a packet with pod-b's address, from the LAN)
//   outsider      -> host        udp 30053           accept at pod-a
//   pod-a@ipvs    -> pod-b       tcp 80              accept        (sent on by the node, as IPVS does it)
//
// Without v4 or v6 a line stands for both. What passed is answered, and the answer must come back untouched.

import assert from "node:assert/strict";
import { type Body, icmp, ipPacket, PROTOCOL, sctpInit, tcp, TCP_FLAGS, udp } from "../lab/craft.ts";
import type { Packet } from "../lab/frames.ts";
import type { Family } from "../lab/manifest.ts";
import { type Arrival, type CabledNode, type Place, PLACES, type Shot } from "./cabled_node.ts";

interface Case {
  readonly text: string;
  readonly family: Family;
  readonly from: Place;
  /** Where it is put on the wire; differs from where its address belongs for a forger. */
  readonly link: Shot["link"];
  readonly to: Place;
  readonly what: readonly string[];
  readonly verdict: string;
}

const LINE = /^(?:(v[46]) )?\s*([\w-]+)(?:@([\w-]+))?\s+->\s+([\w-]+)\s+(.+?)\s{2,}(\S.*)$/;

function parseCases(table: string): Case[] {
  const lines = table.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.flatMap((line): Case[] => {
    const match = LINE.exec(line);
    if (match === null) throw new Error(`This is no case: ${line}`);
    const [, only, from, link, to, what, verdict] = match;
    const families = only === undefined ? [4, 6] as const : [Number(only.slice(1)) as Family];
    return families.map((family) => ({
      text: `v${family} ${line.replace(/^v[46] /, "").replace(/\s+/g, " ")}`,
      family,
      from: placeNamed(from!),
      link: (link ?? placeNamed(from!).link) as Shot["link"],
      to: placeNamed(to!),
      what: what!.split(/\s+/),
      verdict: verdict!,
    }));
  });
}

function placeNamed(name: string): Place {
  const place = PLACES[name];
  if (place === undefined) throw new Error(`There is no place ${name}: ${Object.keys(PLACES).join(", ")}`);
  return place;
}

let lastPort = 20_000;

interface Sent {
  readonly ports: readonly [number, number];
  readonly mark: Uint8Array<ArrayBuffer>;
  readonly shot: Shot;
}

/** Flags, and the network's number in front of a byte of nothing. */
function vxlanHeader(vni: number): Uint8Array {
  return new Uint8Array([8, 0, 0, 0, vni >> 16, vni >> 8 & 255, vni & 255, 0]);
}

/** `udp 53`, `udp 53 from 24601`, `vxlan 146` (with that number, to our port), `tcp 80`, `tcp 80 unanswered` (the answer takes another way), `tcp 80 rst`, `sctp 80`, `udp 53 damaged`, `echo`, `icmp TYPE`, `protocol 253`. */
function prepare({ family, from, link, to, what }: Case, mark: Uint8Array<ArrayBuffer>): Sent {
  const [kind, number, word, argument] = what;
  const ports = [word === "from" ? Number(argument) : ++lastPort, Number(number ?? 0)] as const;
  const [source, destination] = [from.addresses[family], to.addresses[family]];
  if (link === "host") return { ports, mark, shot: { link, address: destination, ports } };
  const bodyOf = (): Body => {
    if (kind === "udp") return udp(...ports, mark);
    if (kind === "vxlan") return udp(ports[0], 24_603, new Uint8Array([...vxlanHeader(ports[1]), ...mark]));
    if (kind === "tcp") return tcp(ports, TCP_FLAGS[word as keyof typeof TCP_FLAGS] ?? TCP_FLAGS.syn, mark);
    if (kind === "sctp") return sctpInit(ports, mark);
    if (kind === "protocol") return { protocol: Number(number), bytes: mark };
    const type = kind === "echo" ? (family === 4 ? 8 : 128) : Number(number);
    return icmp(family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, [type, 0, ports[0] << 16], mark);
  };
  const packet = ipPacket({ source, destination }, bodyOf(), what.includes("damaged"));
  return { ports, mark, shot: { link, packet } };
}

/**
 * `accept`, `masquerade`, `drop`, or `unreachable` when the node says so to the sender;
 * with `at LINK` where it came out elsewhere than its destination belongs.
 */
function verdictOf({ family, from, link: sender, to, what }: Case, arrivals: readonly Arrival[]): string {
  if (arrivals.length === 0) return "drop";
  const [{ link, packet }] = arrivals as [Arrival];
  if (what[0] !== "icmp" && link === sender && isError(packet)) return "unreachable";
  const where = link === to.link ? "" : ` at ${link}`;
  const times = arrivals.length === 1 ? "" : `, ${arrivals.length} times`;
  return `${sourceVerdict(from, family, packet)}${where}${times}`;
}

function isError({ protocol, payload }: Packet): boolean {
  return protocol === PROTOCOL.icmp && payload[0] === 3 || protocol === PROTOCOL.icmpv6 && payload[0]! < 128;
}

function sourceVerdict(from: Place, family: Family, { source, sourcePort, protocol }: Packet): string {
  if (from.link === "host" || source === from.addresses[family]) return "accept";
  if (source !== PLACES["host"]!.addresses[family]) return `rewrite to ${source}`;
  return protocol === PROTOCOL.udp && sourcePort === 24601
    ? "masquerade onto WireGuard's port"
    : "masquerade";
}

function answerTo({ family, what }: Case, { link, packet }: Arrival, mark: Uint8Array<ArrayBuffer>) {
  const protocol = family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6;
  const ports = [packet.destinationPort ?? 0, packet.sourcePort ?? 0] as const;
  const id = new DataView(packet.payload.buffer, packet.payload.byteOffset).getUint32(4);
  const body = what[0] === "udp" || what[0] === "vxlan"
    ? udp(...ports, mark)
    : what[0] === "tcp"
    ? tcp(ports, TCP_FLAGS.syn | TCP_FLAGS.ack, mark)
    : icmp(protocol, [family === 4 ? 0 : 129, 0, id], mark);
  const ends = { source: packet.destination, destination: packet.source };
  return { link, packet: ipPacket(ends, body), mark };
}

/** Judges a table on a node. Throws with every case that came out otherwise, and the rules that it met. */
export async function judge(node: CabledNode, table: string): Promise<void> {
  const cases = parseCases(table);
  const sent = cases.map((each) => prepare(each, node.mark()));
  const passing = cases.filter(({ verdict }) => verdict !== "drop").length;
  const arrivals = await node.shoot(sent.map(({ shot, mark }) => ({ ...shot, mark })), passing);
  const wrong = cases.flatMap((each, i) => {
    const seen = verdictOf(each, arrivals[i]!);
    return seen === each.verdict ? [] : [{ each, seen }];
  });
  const failures: string[] = [];
  for (const { each, seen } of wrong) {
    const trace = await node.trace(each.link, () => {
      const { shot, mark } = prepare(each, node.mark());
      return node.shoot([{ ...shot, mark }]);
    });
    failures.push(`${each.text}: got ${seen}\n${trace}`);
  }
  assert.ok(failures.length === 0, `${failures.length} of ${cases.length} cases:\n${failures.join("\n")}`);
  await judgeAnswers(node, cases.map((each, i) => ({ ...each, arrival: arrivals[i]![0] })));
}

async function judgeAnswers(
  node: CabledNode,
  cases: readonly (Case & { arrival: Arrival | undefined })[],
): Promise<void> {
  const answered = cases.filter(({ arrival, verdict, from, what }) =>
    arrival !== undefined && verdict !== "unreachable" && from !== PLACES["host"] &&
    ["udp", "tcp", "echo"].includes(what[0]!) &&
    !["rst", "ack", "unanswered"].some((word) => what.includes(word))
  );
  const answers = answered.map((each) => answerTo(each, each.arrival!, node.mark()));
  const arrivals = await node.shoot(answers, answers.length);
  const failures = answered.flatMap(({ text, from, to, family, link }, i) => {
    const seen = arrivals[i]!.map(({ link, packet }) =>
      `at ${link} from ${packet.source} to ${packet.destination}`
    );
    const wanted = `at ${link === "ipvs" ? from.link : link} from ${to.addresses[family]} to ${
      from.addresses[family]
    }`;
    return seen.join() === wanted
      ? []
      : [`${text}: the answer came ${seen.join() || "nowhere"}, wanted ${wanted}`];
  });
  assert.ok(failures.length === 0, failures.join("\n"));
}
