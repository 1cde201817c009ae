// What this host's nft makes of the tables that we want, to compare with what it says is there: docs/decisions/0006.

import type { DesiredFastpath, DesiredTable } from "../core/desired/desired_state.ts";
import type { ObservedPolicy } from "../core/observed/parse_policy.ts";
import { parsePieces, parsePolicyTable } from "../core/observed/parse_table.ts";
import {
  FASTPATH_REFERENCE,
  REFERENCE_TABLE,
  renderFastpathReference,
  renderReference,
} from "../core/render/render_table.ts";
import { run } from "./command.ts";
import { withInput } from "./files.ts";
import { listing, named } from "./observe.ts";

const references = new Map<string, { text: string; structure: string }>();
let suffix = "";

/**
 * For a program that looks at a host beside its agent: from now on its tables have names of their own. By one name each would take
 * the other's table away, or read it for its own. One that is killed leaves a table without a hook, which `cleanup` removes.
 */
export function lookBesideAgent(): void {
  suffix = `-${crypto.randomUUID().slice(0, 8)}`;
}

/** The wanted structure as this host's nft prints it back. */
export async function observeReference(table: DesiredTable): Promise<string> {
  return await referenceOf(renderReference(table), REFERENCE_TABLE);
}

/**
 * The same of the flowtable's table; undefined when none is wanted.
 * @throws Error when this kernel knows no flowtables
 */
export async function observeFastpathReference(
  fastpath: DesiredFastpath | undefined,
): Promise<string | undefined> {
  if (fastpath === undefined) return undefined;
  try {
    return await referenceOf(renderFastpathReference(fastpath), FASTPATH_REFERENCE);
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(
      `no flowtable can be made (modprobe nf_flow_table_inet, or ENABLE_FLOWTABLE=false): ${message}`,
      {
        cause,
      },
    );
  }
}

/** What nft makes of policy's chains and sets; without a hook no packet sees them. */
export async function observePolicyReference(text: string): Promise<ObservedPolicy> {
  return await asTable(
    { text, name: REFERENCE_TABLE },
    async (name) => parsePolicyTable(await run(listing("table", name))),
  );
}

/** A structure loaded as a dormant table, listed, deleted. Done once a structure; a leftover of a killed agent is replaced. */
export async function referenceOf(text: string, name: string): Promise<string> {
  const last = references.get(name);
  if (last?.text === text) return last.structure;
  // Not as a whole: that prints its flags (see observe).
  const pieces = new Set([...text.matchAll(/^\t(set|chain) \S+(?= \{)/gm)].map(([piece]) => piece.trim()));
  const structure = await asTable({ text, name }, async (table) => {
    const listings: string[] = [];
    // One after the other: a dozen at once would take the processor from what boots beside it, the pods among it.
    for (const piece of pieces) {
      const [kind, object] = piece.split(" ");
      listings.push(await run(listing(kind!, table, object!)));
    }
    return parsePieces(listings);
  });
  references.set(name, { text, structure });
  return structure;
}

/** A table for as long as it is read. */
async function asTable<T>(
  { text, name }: { text: string; name: string },
  read: (name: string) => Promise<T>,
): Promise<T> {
  const own = `${name}${suffix}`;
  const gone = discardOf(own);
  await load(gone + text.replaceAll(`${name} {`, `${own} {`));
  try {
    return await read(own);
  } finally {
    await load(gone);
  }
}

/**
 * Without its flag the first line would wake a table that is there: its rules, without a member in their sets, drop packets
 * until the transaction ends (seen for 70 ms, kernel 6.18, 2026-11-21).
 */
function discardOf(name: string): string {
  const table = named(name).join(" ");
  return `table ${table} { flags dormant; }\ndelete table ${table}\n`;
}

async function load(text: string): Promise<void> {
  await withInput(text, (path) => run({ program: "nft", args: ["-f", path] }));
}
