// What rules of others take away whatever ours say: `nft -j -t list ruleset` -> chains.

import { TABLE } from "../render/render_table.ts";

/** A rule as nft prints it. Others' expressions are whatever their nft could say. */
interface RuleJson {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr?: readonly Readonly<Record<string, unknown>>[];
}

interface ChainJson {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
}

interface ListingJson {
  readonly nftables: readonly { readonly chain?: ChainJson; readonly rule?: RuleJson }[];
}

/** Chains of others, each as `inet filter FORWARD`. */
export interface ForeignRules {
  /** Base chains of forward and input in which a rule drops or refuses all that comes to it. */
  readonly closed: readonly string[];
  /** Those in which a rule drops a port that other nodes send to. */
  readonly blocking: readonly { readonly chain: string; readonly port: number }[];
}

const HOOKS: readonly string[] = ["forward", "input"];
/** What decides nothing. */
const IDLE: readonly string[] = ["counter", "comment", "log", "limit"];

/** Reads a listing. `limit` in front of a drop is no condition that lets anything of use through. */
export function parseForeignRules(json: string, ports: readonly number[]): ForeignRules {
  const { nftables } = JSON.parse(json) as ListingJson;
  const bases = new Set(
    nftables.flatMap(({ chain }) =>
      chain?.hook !== undefined && HOOKS.includes(chain.hook) ? [nameOf(chain, chain.name)] : []
    ),
  );
  const rules = nftables.flatMap(({ rule }) => rule ?? []).filter(({ table }) => !table.startsWith(TABLE));
  const chains = (matches: (rule: RuleJson) => boolean) => [
    ...new Set(rules.filter(matches).map((rule) => nameOf(rule, rule.chain))),
  ];
  return {
    closed: chains((rule) => isFinal(rule) && isBare(rule)).filter((chain) => bases.has(chain)),
    blocking: ports.flatMap((port) =>
      chains((rule) => isFinal(rule) && (rule.expr ?? []).some((part) => isPort(part, port))).map((
        chain,
      ) => ({
        chain,
        port,
      }))
    ),
  };
}

function nameOf({ family, table }: { family: string; table: string }, chain: string): string {
  return `${family} ${table} ${chain}`;
}

function isFinal({ expr = [] }: RuleJson): boolean {
  return expr.some((part) => "drop" in part || "reject" in part);
}

function isBare({ expr = [] }: RuleJson): boolean {
  return expr.every((part) => {
    const [kind] = Object.keys(part);
    return kind === "drop" || kind === "reject" || IDLE.includes(kind!);
  });
}

function isPort(part: Readonly<Record<string, unknown>>, port: number): boolean {
  const { left, right, op } = (part["match"] ?? {}) as { left?: unknown; right?: unknown; op?: string };
  const { protocol, field } = ((left as { payload?: unknown } | undefined)?.payload ?? {}) as {
    protocol?: string;
    field?: string;
  };
  return op === "==" && field === "dport" && (protocol === "udp" || protocol === "th") && right === port;
}
