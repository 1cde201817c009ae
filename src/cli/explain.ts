// `wigglenet explain --from ns/pod --to ns/pod:80/tcp`: may it, by which policy, and does the kernel of this node agree.

import type { Address } from "../core/net/address.ts";
import { refused } from "../core/net/refusal.ts";
import type { Explanation } from "../core/policy/explain_flow.ts";
import {
  disagreements,
  explanationLines,
  type FlowEnd,
  flowText,
  parseFlowEnd,
  parseFlowTarget,
} from "../core/policy/flow_question.ts";
import type { Flow } from "../core/policy/judge_flow.ts";
import type { Settings } from "../core/settings/settings.ts";
import { observeTable } from "../shell/observe.ts";
import type { PolicyFeed } from "../shell/policy/policy_feed.ts";
import { parseArguments } from "./arguments.ts";
import { nameNode } from "./name_node.ts";
import { readPolicies } from "./read_policies.ts";
import { UsageError } from "./usage_error.ts";

const USAGE = "give --from NAMESPACE/POD (or an address) and --to NAMESPACE/POD:PORT/tcp";

/** Prints the answer for each family that both ends have; 0 it passes, 1 it is dropped, 2 the kernel differs or nobody can tell. */
export async function explain(args: readonly string[]): Promise<number> {
  const { values: [from, to], rest } = takeValues(args, ["from", "to"]);
  if (from === undefined || to === undefined) throw new UsageError(USAGE);
  const source = parseFlowEnd(from);
  if (refused(source)) throw new UsageError(`--from: ${source.reason}`);
  const target = parseFlowTarget(to);
  if (refused(target)) throw new UsageError(`--to: ${target.reason}`);
  const { settings, given } = await parseArguments(rest, ["json"]);
  const answers = await answer(await nameNode(settings), { source, target });
  if (given.has("json")) {
    console.log(JSON.stringify(
      answers.map(({ flow, explanation, differs }) => {
        return { flow: flowText(flow), ...explanation, differs };
      }),
      null,
      2,
    ));
  } else {
    for (const { flow, explanation, differs } of answers) {
      for (const line of explanationLines(flow, explanation)) console.log(line);
      const agrees = explanation.reasons.length === 0 ? [] : ["  the kernel agrees"];
      for (
        const line of differs.length === 0 ? agrees : differs.map((text) => `  the kernel differs: ${text}`)
      ) {
        console.log(line);
      }
    }
  }
  if (answers.some(({ differs }) => differs.length > 0)) return 2;
  return answers.some(({ explanation }) => explanation.verdict === "drop") ? 1 : 0;
}

interface Question {
  readonly source: FlowEnd;
  readonly target: { readonly end: FlowEnd } & Pick<Flow, "protocol" | "port">;
}

interface Answer {
  readonly flow: Flow;
  readonly explanation: Explanation;
  /** What of the kernel differs. */
  readonly differs: readonly string[];
}

async function answer(settings: Settings, question: Question): Promise<Answer[]> {
  const feed = await readPolicies(settings, { isWhole: true, nodesAreTold: false }).catch((error) => {
    throw new UsageError(`cannot tell: ${(error as Error).message}`, { cause: error });
  });
  const kernel = (await observeTable())?.policy;
  return flowsOf(feed, question).map((flow) => {
    const explanation = feed.model.explain(flow);
    const { reasons } = explanation;
    if (reasons.length === 0) return { flow, explanation, differs: [] };
    const differs = kernel === undefined ? ["it has no table of ours"] : disagreements(flow, reasons, kernel);
    return { flow, explanation, differs };
  });
}

/** One for each family that both ends have. */
function flowsOf(feed: PolicyFeed, { source, target: { end, protocol, port } }: Question): Flow[] {
  const [from, to] = [addressesOf(feed, source), addressesOf(feed, end)];
  const flows = from.flatMap((source) =>
    to.filter(({ family }) => family === source.family).map((destination) => {
      return { source, destination, protocol, port };
    })
  );
  if (flows.length === 0) throw new UsageError("cannot tell: the two ends have no family in common");
  return flows;
}

function addressesOf(feed: PolicyFeed, end: FlowEnd): readonly Address[] {
  if (!("name" in end)) return [end];
  const pod = feed.model.pod(end.namespace, end.name);
  if (pod === undefined) throw new UsageError(`cannot tell: there is no pod ${end.namespace}/${end.name}`);
  if (pod.addresses.length === 0) {
    throw new UsageError(`cannot tell: the pod ${end.namespace}/${end.name} has no address`);
  }
  return pod.addresses;
}

/** Takes flags with values out of the arguments: `--from X` and `--from=X`. */
function takeValues(
  args: readonly string[],
  flags: readonly string[],
): { readonly values: readonly (string | undefined)[]; readonly rest: readonly string[] } {
  const found = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [, flag, own] = /^--([a-z]+)(?:=(.*))?$/.exec(args[i]!) ?? [];
    if (flag === undefined || !flags.includes(flag)) {
      rest.push(args[i]!);
      continue;
    }
    const value = own ?? args[++i];
    if (value !== undefined) found.set(flag, value);
  }
  return { values: flags.map((flag) => found.get(flag)), rest };
}
