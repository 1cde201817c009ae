// Sentences of the checklist of NetworkPolicy, each with policies and the packets that show it.
// pod-a is of namespace x (app: a), pod-b of y (app: b), both of this node; peer-pod of x, peer-pod-2 of y, peer-pod-3 of z.

import { PolicedNode, type Spec } from "./policed_node.ts";

/** What is enforced, and who may talk to whom then. */
export interface Sentence {
  readonly policies: readonly Spec[];
  readonly cases: string;
}

/** All pods of a namespace. */
export const ALL = { podSelector: {} };
/** pod-a. */
export const A = { podSelector: { matchLabels: { app: "a" } } };
/** All pods of namespace y. */
export const OF_Y = { namespaceSelector: { matchLabels: { team: "y" } } };

/** A port of TCP, or a range of them. */
export function tcp(port: number | string, endPort?: number): Record<string, unknown> {
  return { protocol: "TCP", port, ...(endPort && { endPort }) };
}

/** A port of UDP. */
export function udp(port: number | string): Record<string, unknown> {
  return { protocol: "UDP", port };
}

/** A port of SCTP. */
export function sctp(port: number): Record<string, unknown> {
  return { protocol: "SCTP", port };
}

/** One lab for all: each is enforced in place of the one before. A step has the sentence for its name. */
export async function judgeAll(
  sentences: Readonly<Record<string, Sentence>>,
  t: Deno.TestContext,
): Promise<void> {
  await using node = await PolicedNode.create();
  for (const [sentence, { policies, cases }] of Object.entries(sentences)) {
    await t.step(sentence, async () => {
      await node.enforce(policies);
      await node.judge(cases);
    });
  }
  await t.step("without a policy everything is as it was", async () => {
    await node.enforce([]);
    await node.judge(
      "peer-pod -> pod-a tcp 80  accept\n pod-a -> world udp 53  masquerade\n outsider -> no-pod udp 5  unreachable",
    );
  });
}

/** What is done and seen, by its sentence. */
export type Steps = Readonly<Record<string, (node: PolicedNode) => Promise<void>>>;

/** One after the other, on one node. */
export async function take(steps: Steps, node: PolicedNode, t: Deno.TestContext): Promise<void> {
  for (const [sentence, act] of Object.entries(steps)) await t.step(sentence, () => act(node));
}
