// Law 3: a bad Node costs the others nothing. The bad ones here are younger than all others and claim by annotation,
// so that no rule lets them win, whatever they claim. A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import { contains, parsePrefix, type Prefix } from "../../src/core/net/prefix.ts";
import type { Node, Rejected } from "../../src/core/nodes/node.ts";
import { settleClaims } from "../../src/core/nodes/settle_claims.ts";
import { keyOf, nodeJson, ordinaryNode } from "../cluster.ts";
import { environments, junkObjects, parseAll, wanted, words } from "./clusters.ts";

const SOUND_NAME = /^n[1-6]$/;

/** Nodes of some age that have a key, each its own. */
const sound: fc.Arbitrary<unknown[]> = fc.array(words, { minLength: 1, maxLength: 6 }).map((all) =>
  all.map((one, i) => nodeJson({ ...one, name: `n${i + 1}`, key: keyOf(i + 1), day: one.day ?? 3 }))
);

/** Has one of those the name of a sound one, it is another story: told of in one folder, impossible in an API. */
const bad: fc.Arbitrary<unknown[]> = fc.array(
  fc.oneof(
    words.map((one) => nodeJson({ said: one.said ?? {}, key: one.key, name: `a-${String(one.name)}` })),
    junkObjects.filter((it) => !SOUND_NAME.test(nameOf(it))),
  ),
  { minLength: 1, maxLength: 3 },
);

function nameOf(object: unknown): string {
  return (object as { metadata?: { name?: string } } | null)?.metadata?.name ?? "";
}

/** Beside `direct` a Node that takes nothing in the clear has the tunnel stand: that is told, and meant so (0055). */
const tunnelled = environments.map(({ TRANSPORT_IPV4: _, TRANSPORT_IPV6: __, ...rest }) => rest);

Deno.test("With bad Nodes and without, the others are the same peers, with the same link and CNI file", () => {
  fc.assert(
    fc.property(sound, bad, tunnelled, (good, evil, environment) => {
      const [before, after] = [wanted(good, environment), wanted([...evil, ...good], environment)];
      const names = new Set(before.peers.map(({ node }) => node));
      assert.deepEqual(after.peers.filter(({ node }) => names.has(node)), before.peers);
      assert.deepEqual([after.link, after.cni], [before.link, before.cni]);
      assert.deepEqual(after.table.templates, before.table.templates);
      assert.deepEqual(after.table.sets["local-pod-cidrs-v4"], before.table.sets["local-pod-cidrs-v4"]);
      assert.deepEqual(after.table.sets["local-pod-cidrs-v6"], before.table.sets["local-pod-cidrs-v6"]);
    }),
    { numRuns: 500 },
  );
});

/** All prefixes of an nft set or of one type of routes. */
const parts: readonly ((desired: DesiredState) => string[])[] = [
  ({ table }) => [...table.sets["pod-cidrs-v4"], ...table.sets["pod-cidrs-v6"]],
  ({ table }) => [...table.sets["host-peers-v4"], ...table.sets["host-peers-v6"]],
  ({ routes }) => routes.filter(({ type }) => type !== "unreachable").map(({ destination }) => destination),
  ({ routes }) => routes.filter(({ type }) => type === "unreachable").map(({ destination }) => destination),
];

Deno.test("With bad Nodes, all that was routed and guarded still is", () => {
  fc.assert(
    fc.property(sound, bad, environments, (good, evil, environment) => {
      const [before, after] = [wanted(good, environment), wanted([...evil, ...good], environment)];
      for (const part of parts) {
        const kept = part(after).map((text) => parsePrefix(text) as Prefix);
        for (const text of part(before)) {
          assert.ok(kept.some((prefix) => contains(prefix, parsePrefix(text) as Prefix)), text);
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("Bad Nodes change no word of what is told of the others", () => {
  fc.assert(
    fc.property(sound, bad, environments, (good, evil, environment) => {
      const ofOthers = ({ rejected }: DesiredState): Rejected[] =>
        rejected.filter(({ node }) => SOUND_NAME.test(node));
      const [before, after] = [wanted(good, environment), wanted([...evil, ...good], environment)];
      assert.deepEqual(ofOthers(after), ofOthers(before));
    }),
    {
      numRuns: 200,
      examples: [[[nodeJson({ name: "n1", key: keyOf(1), day: 3 })], [{ metadata: { name: "n0" } }], {}]],
    },
  );
});

function nodesOf(objects: readonly unknown[]): Node[] {
  return parseAll(objects).flatMap(({ node }) => node ?? []);
}

Deno.test("A Node that has a key loses nothing to a younger one that claims by annotation, in any cluster", () => {
  const nodesOf = (objects: readonly unknown[]): Node[] =>
    parseAll(objects).flatMap(({ node }) => node ?? []);
  const aged = fc.array(words, { maxLength: 6 }).map((all) =>
    all.map((one) => nodeJson({ ...one, day: one.day ?? 3 }))
  );
  fc.assert(
    fc.property(aged, bad, (good, evil) => {
      const before = settleClaims(nodesOf(good), true);
      const after = new Map(
        settleClaims(nodesOf([...evil, ...good]), true).nodes.map((it) => [it.node.name, it] as const),
      );
      for (const settled of before.nodes.filter(({ publicKey }) => publicKey !== undefined)) {
        const { publicKey, podCidrs, addresses } = after.get(settled.node.name)!;
        assert.deepEqual({ node: settled.node, publicKey, podCidrs, addresses }, settled);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("What was settled before decides nothing: a Node that joins many, and leaves them, changes what it must", () => {
  const many = Array.from({ length: 240 }, (_, i) => nodeJson({ ...ordinaryNode(i), name: `m${i}` }));
  const known = nodesOf(many);
  const textOf = (nodes: readonly Node[]) => {
    const { nodes: settled, podCidrs, rejected } = settleClaims(nodes, true);
    return {
      owned: settled.map((it) => [it.node.name, [...it.podCidrs, ...it.addresses].map(({ text }) => text)]),
      prefixes: podCidrs.map(({ prefix, node }) => `${prefix.text} of ${node}`),
      rejected,
    };
  };
  const alone = textOf(known);
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 28 }), (one, day) => {
      const joining = nodeJson({ ...one, day });
      const together = textOf([...nodesOf([joining]), ...known]);
      assert.deepEqual(textOf(known), alone);
      // Parsed anew, nothing of it was seen before.
      assert.deepEqual(together, textOf(nodesOf([joining, ...many])));
      textOf(known);
    }),
    { numRuns: 100 },
  );
});

Deno.test("What is believed never conflicts: no address of two Nodes, none in a pod CIDR, no pod CIDRs that overlap", () => {
  fc.assert(
    fc.property(fc.array(words, { maxLength: 8 }), fc.boolean(), (all, keysNeeded) => {
      const { nodes } = settleClaims(
        parseAll(all.map(nodeJson)).flatMap(({ node }) => node ?? []),
        keysNeeded,
      );
      const claims = nodes.flatMap(({ node, podCidrs, addresses }) => [
        ...podCidrs.map((prefix) => ({ owner: `${node.name} pods`, prefix })),
        ...addresses.map(({ family, text }) => ({
          owner: `${node.name} addresses`,
          prefix: parsePrefix(`${text}/${family === 4 ? 32 : 128}`) as Prefix,
        })),
      ]);
      for (const a of claims) {
        for (const b of claims) {
          if (a.owner !== b.owner) {
            assert.ok(!contains(a.prefix, b.prefix), `${a.prefix.text} ${b.prefix.text}`);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});
