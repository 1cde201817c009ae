// Associations and policies as `ip xfrm` takes them and tells of them. Keys are in none of these texts: the shell puts one into each
// addition, and nothing is ever read back with them.

import type { Family } from "../../net/address.ts";
import type { ObservedLink } from "../../observed/observed_state.ts";
import type { Association, Purpose } from "./association.ts";
import { GREETING_PORT } from "./names.ts";
import type { ObservedAssociation } from "./rollover.ts";

/** What ties our associations and policies to our interface, and to nobody else's. */
export const IF_ID = 146;
/** Of that interface, as ip calls it. */
export const KIND = "xfrm";
/** By which a policy asks for associations, with their outer addresses. */
const REQUEST_ID: Readonly<Record<Purpose, number>> = { data: 146, greeting: 147 };
/**
 * The bit of the mark that associations give to what they send. The rule of HOST_ENCRYPTION, which is never beside IPsec, asks for the
 * same one: kube-proxy has 0x4000 and 0x8000, portmap 0x2000, Cilium 0xf00.
 */
export const ESP_MARK = "0x1000";

/** True for an interface that leads to our policies, and to nobody else's. */
export function isOurXfrm({ kind, ifId }: Pick<ObservedLink, "kind" | "ifId">): boolean {
  return kind === KIND && ifId === IF_ID;
}

/**
 * `xfrm state add` in two pieces, with the key in hexadecimal between them.
 * @param isSent what is sent by is marked, so that it may go in UDP; of what is received the kernel would mark what comes out of it
 */
export function additionOf(
  { from, to, purpose, spi }: Association,
  isSent: boolean,
): readonly [string, string] {
  const ends = `src ${from.address} dst ${to.address} proto esp spi ${hex(spi)}`;
  const mark = isSent ? ` output-mark ${ESP_MARK} mask ${ESP_MARK}` : "";
  const request = `reqid ${REQUEST_ID[purpose]} mode tunnel if_id ${IF_ID}${mark}`;
  // Packets of both families, numbers of 64 bits, of which so many may come late: queues of a network card overtake each other.
  return [
    `xfrm state add ${ends} ${request} replay-window 256 flag af-unspec esn aead rfc4106(gcm(aes)) 0x`,
    " 128\n",
  ];
}

/** `xfrm state delete`. */
export function removalOf({ source, destination, spi }: ObservedAssociation): string {
  return `xfrm state delete src ${source} dst ${destination} proto esp spi ${hex(spi)}\n`;
}

function hex(spi: number): string {
  return `0x${spi.toString(16).padStart(8, "0")}`;
}

const PURPOSES = new Map<string, Purpose>(
  Object.entries(REQUEST_ID).map(([purpose, id]) => [String(id), purpose as Purpose]),
);

/** Reads `ip -s xfrm state list nokeys`, printed in UTC: those of our interface. */
export function parseAssociations(text: string): ObservedAssociation[] {
  return blocksOf(text).flatMap((block) => {
    const [, source, destination] = /^src (\S+) dst (\S+)/.exec(block) ?? [];
    const [, spi, request] = /proto esp spi (0x[0-9a-f]+)\S* reqid (\d+)/.exec(block) ?? [];
    const purpose = PURPOSES.get(request ?? "");
    if (source === undefined || destination === undefined || purpose === undefined || !isOurs(block)) {
      return [];
    }
    // While some daemon listens the kernel keeps one without a number for whom it lacks a key: it sends nothing, and goes by itself.
    const number = Number(spi);
    if (number === 0) return [];
    return [{
      spi: number,
      source,
      destination,
      purpose,
      packets: Number(/lifetime current:\s+\d+\(bytes\), (\d+)\(packets\)/.exec(block)?.[1]),
      addedSeconds: secondsOf(/\n\s+add (\S+ \S+) use /.exec(block)?.[1]),
      usedSeconds: secondsOf(/ use (\S+ \S+)/.exec(block)?.[1]),
      ...(MARKED.test(block) && { isMarked: true }),
    }];
  });
}

const MARKED = new RegExp(`\\boutput-mark ${ESP_MARK}/${ESP_MARK}\\s`);

/** Each begins at the start of a line, and goes on behind tabs. */
function blocksOf(text: string): string[] {
  return text.split(/\n(?=\S)/).map((block) => block.trimEnd()).filter((block) => block !== "");
}

function isOurs(block: string): boolean {
  return Number(/\bif_id (0x[0-9a-f]+)/.exec(block)?.[1]) === IF_ID;
}

function secondsOf(time: string | undefined): number {
  return time === undefined ? 0 : Date.parse(`${time.replace(" ", "T")}Z`) / 1000;
}

/** Outer addresses of two nodes. */
export interface Outer {
  readonly own: string;
  readonly peer: string;
}

/** What is more specific goes first: least. */
const PRIORITY: Readonly<Record<Purpose, number>> = { greeting: 100, data: 200 };
const ANYWHERE: Readonly<Record<Family, string>> = { 4: "0.0.0.0/0", 6: "::/0" };

/** A policy as its own key (`xfrm policy delete`) and what else it says. */
export interface PolicyText {
  readonly selector: string;
  readonly rest: string;
}

/** What is for pods of another node leaves by its associations; what comes out of these is theirs, or dropped. */
export function policiesOf({ own, peer }: Outer, family: Family, podCidr: string): PolicyText[] {
  const [there, back] = [`src ${own} dst ${peer}`, `src ${peer} dst ${own}`];
  const [to, from] = [`src ${ANYWHERE[family]} dst ${podCidr}`, `src ${podCidr} dst ${ANYWHERE[family]}`];
  return [
    policy(`${to} dir out`, there, "data"),
    policy(`${from} dir in`, back, "data"),
    policy(`${from} dir fwd`, back, "data"),
  ];
}

/** What is greeted by has associations that no policy of the other end lets out. */
export function greetingPolicy({ own, peer }: Outer, family: Family, address: string): PolicyText {
  const to = `src ${ANYWHERE[family]} dst ${address} proto udp dport ${GREETING_PORT}`;
  return policy(`${to} dir out`, `src ${own} dst ${peer}`, "greeting");
}

function policy(selector: string, ends: string, purpose: Purpose): PolicyText {
  const template = `tmpl ${ends} proto esp reqid ${REQUEST_ID[purpose]} mode tunnel`;
  return { selector: `${selector} if_id ${IF_ID}`, rest: `priority ${PRIORITY[purpose]} ${template}` };
}

/** Reads `ip xfrm policy list`: those of our interface, by their selectors. Others may use its number, but for what we ask for. */
export function parsePolicies(text: string): Map<string, string> {
  return new Map(
    blocksOf(text).filter(isOurs).flatMap((block) => {
      const words = block.replace(/\s+/g, " ");
      const [, ends, direction, more, priority] = /^(.*?) dir (\S+) (.*?)priority (\d+) /.exec(words) ?? [];
      const template = words.slice(words.indexOf("tmpl "), words.indexOf(" if_id"));
      if (!PURPOSES.has(/ reqid (\d+)/.exec(template)?.[1] ?? "")) return [];
      const action = more?.includes("action block") ? "action block " : "";
      const selector = `${ends} dir ${direction} if_id ${IF_ID}`;
      return [[selector, `${action}priority ${priority} ${template}`] as const];
    }),
  );
}

/** True when a line of `ip -o xfrm monitor policy` tells of policies of ours, or that all there were have gone. */
export function concernsPolicies(line: string): boolean {
  return line.startsWith("Flushed ") || isOurs(line);
}

/** Reads what `sysctl` prints: names that are not 0. */
export function parseUnchecked(text: string): string[] {
  return [...text.matchAll(/^(\S+) = [1-9]/gm)].map(([, name]) => name!);
}
