// `wigglenet export NODE`: the WireGuard file of a plan's machine without an agent, with a key that nobody else ever has.

import { exportNode } from "../core/declared/export/wg_quick.ts";
import type { NetworkPlan } from "../core/declared/declared_object.ts";
import { publishedKeys } from "../core/declared/status/node_parts.ts";
import { fieldsOf } from "../core/kubernetes/fields.ts";
import { Refusal } from "../core/net/refusal.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import { makeKey, publicKeyOf } from "../shell/key_file.ts";
import { podPorts } from "../shell/declared/kept_wish.ts";
import { isOutputShared } from "../shell/files.ts";
import { Log } from "../shell/log.ts";
import type { DeclaredSource } from "../shell/sources/declared_source.ts";
import { openSource } from "../shell/sources/open_source.ts";
import { parseArguments } from "./arguments.ts";
import { requireNodes, settle } from "./read_nodes.ts";
import { UsageError } from "./usage_error.ts";

/** Prints the file, and beside it its QR code and what to say in the plan; 1 when there is none for that node. */
export async function exportVerb(args: readonly string[]): Promise<number> {
  const { nodeName, planName, rest } = takeNames(args);
  const { settings } = await parseArguments(rest, []);
  requireNodes(settings);
  const { plans, published, isNode } = await readPlans(settings, nodeName);
  const found = isNode
    ? new Refusal(`${nodeName} is a Node: its agent makes its key, and keeps its links`)
    : exportNode({ plans, planName, nodeName, published, nowMs: Date.now(), ports: podPorts(settings) });
  if (found instanceof Refusal) {
    console.error(`wigglenet: ${found.reason}`);
    return 1;
  }
  const key = makeKey();
  const text = found.textFor(key);
  console.log(text.trimEnd());
  await warnOfReaders();
  await showCode(text);
  console.error(
    `wigglenet: this key is shown once and stored nowhere. Nobody answers it before plan ${found.plan.name} says it, ` +
      `beside nodeName: ${nodeName}\n  publicKey: ${await publicKeyOf(key)}`,
  );
  return 0;
}

function takeNames(
  args: readonly string[],
): { nodeName: string; planName: string | undefined; rest: string[] } {
  const [nodeName, ...rest] = args;
  if (nodeName === undefined || nodeName.startsWith("-")) {
    throw new UsageError("say which node: wigglenet export NODE [--plan PLAN]");
  }
  const at = rest.findIndex((arg) => arg === "--plan" || arg.startsWith("--plan="));
  if (at < 0) return { nodeName, planName: undefined, rest };
  const [flag] = rest.splice(at, 1);
  const planName = flag === "--plan" ? rest.splice(at, 1)[0] : flag!.slice("--plan=".length);
  if (planName === undefined) throw new UsageError("--plan needs the name of a plan");
  return { nodeName, planName, rest };
}

/** As `wg genkey` does. */
async function warnOfReaders(): Promise<void> {
  if (!await isOutputShared()) return;
  console.error(
    "wigglenet: others may read that file, with the private key in it: chmod 600, or (umask 077; wigglenet export ...)",
  );
}

/** For people: who reads the file from here has no use for it. */
async function showCode(text: string): Promise<void> {
  if (!Deno.stderr.isTerminal()) return;
  const { default: encodeQr } = await import("qr");
  try {
    console.error(encodeQr(text, "term"));
  } catch {
    console.error("wigglenet: it is too long for a QR code");
  }
}

interface ReadPlans {
  readonly plans: readonly NetworkPlan[];
  readonly published: ReturnType<typeof publishedKeys>;
  /** There is a Node of that name. */
  readonly isNode: boolean;
}

const ANSWER_MS = 15_000;
const LOOK_MS = 50;

async function readPlans(settings: GivenSettings, node: string): Promise<ReadPlans> {
  const nameOf = (json: unknown) => fieldsOf(fieldsOf(json).metadata).name;
  const reading = {
    parse: nameOf,
    pick: (json: unknown) => ({ metadata: { name: nameOf(json) } }),
    onChange: () => {},
  };
  const { source, openDeclared } = await openSource(settings, reading);
  const log = new Log(settings.logFormat, settings.logLevel);
  const declared = openDeclared({ node, nodes: () => 0, log });
  try {
    const { items } = await settle(source);
    declared.start();
    const parsed = await known(() => declared.declared());
    if (parsed === undefined) {
      throw new Error(`Cannot read plans of ${source.places.join(", ")}${trouble(declared)}`);
    }
    declared.needNodes(true);
    const isOfApi = settings.nodes.length === 0;
    const nodes = isOfApi ? await known(() => declared.nodes()) : [];
    for (const { rejected } of parsed) {
      if (rejected) {
        console.error(`wigglenet: rejected: ${rejected.kind} ${rejected.name}: ${rejected.reason}`);
      }
    }
    return {
      plans: parsed.flatMap(({ object }) => object?.kind === "WireGuardNetworkPlan" ? object : []),
      published: publishedKeys(nodes ?? []),
      isNode: items.includes(node),
    };
  } finally {
    await declared.close();
    await source.close();
  }
}

async function known<T>(look: () => T | undefined): Promise<T | undefined> {
  const end = performance.now() + ANSWER_MS;
  while (look() === undefined && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return look();
}

function trouble(declared: DeclaredSource): string {
  return declared.problems().map(({ reason }) => `: ${reason}`).join("");
}
