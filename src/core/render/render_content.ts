// Content -> the chains of nft that decide so. `return` is the verdict accept: who is led here by `goto` comes back behind the
// jump into policy-from or policy-to, so that the other end is asked too. Data is printed from parsed values only.

import type { Family } from "../net/address.ts";
import type { Content, Entry, Segment } from "../policy/policy_table.ts";

/** From so many on, segments are found by one look-up instead of one rule each (a rule costs 34 ns, a look-up 120). */
const MOST_RULES = 4;
/** Wider ranges are rules of their own: a look-up among ranges would cost 48 KB a content. */
const WIDEST_EXPANDED = 64;
/** More ranges are one set without a name. */
const MOST_RANGES = 4;

/** What is wished of all contents. */
export interface ContentOptions {
  /** POLICY_LOG=drop: drops are told in the log. */
  readonly isLogged: boolean;
}

/** A chain with its rules. */
export interface Chain {
  readonly name: string;
  readonly rules: readonly string[];
}

/** All objects of a content: chains that nobody leads to come first. */
export interface RenderedContent {
  readonly counters: readonly string[];
  readonly chains: readonly Chain[];
}

/** Chains and counters of a content, named after it. */
export function renderContent(content: Content, { isLogged }: ContentOptions): RenderedContent {
  const { name, leaves, segments, otherwise } = content;
  const bodies = leaves.map((leaf) => entriesOf(content, leaf));
  const rest = bodies[0] ?? [tailOf(name, otherwise)];
  const others = bodies.map((rules, i) => ({ name: `${name}.${i}`, rules }))
    .filter(({ rules }, i) => i > 0 && shortcut(rules) === undefined);
  const targets = bodies.map((rules, i) => shortcut(rules) ?? `goto ${name}.${i}`);
  const head = [...dispatch(segments, (leaf) => (leaf === 0 ? undefined : targets[leaf])), ...rest];
  const chains = [...others, { name, rules: head }];
  const ends = endsOf(content, chains, isLogged);
  return {
    counters: ends.map(({ counter }) => counter),
    chains: [...ends.map(({ chain }) => chain), ...chains],
  };
}

/** One that has a single rule without a condition needs no chain. */
function shortcut(rules: readonly string[]): string | undefined {
  const [only] = rules;
  return rules.length === 1 && /^(return$|goto )/.test(only!) ? only : undefined;
}

function entriesOf({ name, family, direction, otherwise }: Content, leaf: readonly Entry[]): string[] {
  const ip = family === 4 ? "ip" : "ip6";
  const far = direction === "ingress" ? `${ip} saddr` : `${ip} daddr`;
  const rules: string[] = [];
  for (const { match, verdict } of leaf) {
    const target = tailOf(name, verdict);
    switch (match.kind) {
      case "any":
        return [...rules, target];
      case "peers":
        rules.push(`${far} @${match.set} ${target}`);
        break;
      case "ports":
        rules.push(`${ip} daddr . meta l4proto . th dport @${match.set} ${target}`);
        break;
      case "ranges":
        rules.push(...rangeRules(far, match.ranges, target));
    }
    if (rules.at(-1) === target) return rules;
  }
  return [...rules, tailOf(name, otherwise)];
}

/** The whole family is no condition: its packets alone come here. */
function rangeRules(far: string, ranges: readonly string[], target: string): string[] {
  if (ranges.some((range) => range.endsWith("/0"))) return [target];
  if (ranges.length > MOST_RANGES) return [`${far} { ${ranges.join(", ")} } ${target}`];
  return ranges.map((range) => `${far} ${range} ${target}`);
}

/** Behind the last tier of policies nobody is left to pass to: such a packet is not allowed. */
function tailOf(name: string, verdict: Entry["verdict"]): string {
  if (verdict === "accept") return "return";
  return `goto ${name}.${verdict === "audit" ? "audit" : "drop"}`;
}

/**
 * One rule each, or one look-up for all but the wide ones. By protocol and port together: a verdict map without a name of
 * ports alone, written by nft 1.1.3, crashes nft 1.0.6 when it lists the table (seen 2026-11-21).
 */
function dispatch(segments: readonly Segment[], targetOf: (leaf: number) => string | undefined): string[] {
  const led = segments.flatMap((segment) => {
    const target = targetOf(segment.leaf);
    return target === undefined ? [] : [{ ...segment, target }];
  });
  const isWide = ({ first, last }: Segment) => last - first >= WIDEST_EXPANDED;
  const plain = led.length <= MOST_RULES ? led : led.filter(isWide);
  const found = led.length <= MOST_RULES ? [] : led.filter((segment) => !isWide(segment));
  const elements = found.flatMap(({ protocol, first, last, target }) =>
    Array.from({ length: last - first + 1 }, (_, i) => `${protocol} . ${first + i} : ${target}`)
  );
  return [
    ...(elements.length === 0 ? [] : [`meta l4proto . th dport vmap { ${elements.join(", ")} }`]),
    ...plain.map(({ protocol, first, last, target }) => `${portsText({ protocol, first, last })} ${target}`),
  ];
}

function portsText({ protocol, first, last }: Pick<Segment, "protocol" | "first" | "last">): string {
  if (first === 0 && last === 65535) return `meta l4proto ${protocol}`;
  return `${protocol} dport ${first === last ? first : `${first}-${last}`}`;
}

interface End {
  readonly counter: string;
  readonly chain: Chain;
}

/** Where what is not allowed ends. A pod may reach itself (saddr cannot be compared with daddr, a set of pairs can). */
function endsOf({ name, family }: Content, chains: readonly Chain[], isLogged: boolean): End[] {
  const ip = family === 4 ? "ip" : "ip6";
  const exempt = [
    `${ip} saddr . ${ip} daddr @policy-self-v${family} return`,
    // RFC 4890: neighbour discovery, or the link of a bridged pod dies.
    ...(family === 6 ? ["icmpv6 type 133-137 return"] : []),
  ];
  const isUsed = (target: string) =>
    chains.some(({ rules }) => rules.some((rule) => rule.includes(`goto ${target}`)));
  const drop = `${name}.drop`;
  const audit = `${name}.audit`;
  const ends: End[] = [];
  if (isUsed(drop)) {
    const rules = [...exempt, ...(isLogged ? toldRules(family) : []), `counter name "${name}" drop`];
    ends.push({ counter: name, chain: { name: drop, rules } });
  }
  if (isUsed(audit)) {
    // Who asks for an audit asks for lines, too. The packet goes on, and whom it meets there is nobody's business.
    const told = isLogged ? toldRules(family) : [`${SOME_LINES} meta nftrace set 1`];
    const rules = [...exempt, ...told, `meta nftrace set 0 counter name "${audit}" return`];
    ends.push({ counter: audit, chain: { name: audit, rules } });
  }
  return ends;
}

/** Of a content; what is over it is in its counter. */
const SOME_LINES = "limit rate 5/second burst 20 packets";
const WITH_PORTS = "{ tcp, udp, sctp }";

/**
 * `nft monitor` prints a packet that is traced: here each that nobody was told of within a minute (docs/decisions/0040). What
 * has no ports has its ICMP type and code, or nothing that changes, where others have the port that they come from.
 */
export function toldRules(family: Family): string[] {
  const ip = family === 4 ? "ip" : "ip6";
  const set = `@policy-told-v${family}`;
  const rule = (protocols: string, port: string) => {
    const key = `${ip} saddr . ${ip} daddr . meta l4proto . th ${port}`;
    return `meta l4proto ${protocols} ${key} != ${set} ${SOME_LINES} add ${set} { ${key} } meta nftrace set 1`;
  };
  return [rule(WITH_PORTS, "dport"), rule(`!= ${WITH_PORTS}`, "sport")];
}
