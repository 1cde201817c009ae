// Law 1: the order of the Nodes decides nothing. And what a Node says reaches the ruleset as members of sets only.
// A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import { refused } from "../../src/core/net/refusal.ts";
import { type Address, parseAddress } from "../../src/core/net/address.ts";
import { parseEndpoint } from "../../src/core/net/endpoint.ts";
import { parsePublicKey } from "../../src/core/net/keys.ts";
import { containsAddress, parsePrefix } from "../../src/core/net/prefix.ts";
import { parseNodeName } from "../../src/core/nodes/parse_node.ts";
import { settleAll, settleClaims } from "../../src/core/nodes/settle_claims.ts";
import { describe } from "../../src/core/plan/describe.ts";
import { diff } from "../../src/core/plan/diff.ts";
import { renderAll } from "../../src/core/render/render_all.ts";
import { nodeJson, ordinaryNode } from "../cluster.ts";
import { EMPTY_HOST } from "../host_state.ts";
import { environments, objects, parseAll, wanted } from "./clusters.ts";

const shuffled = objects.chain((all) =>
  fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }))
);

Deno.test("Shuffled Nodes give the same bytes: all that is rendered, and the plan", () => {
  fc.assert(
    fc.property(shuffled, environments, ([all, other], environment) => {
      const [one, two] = [wanted(all, environment), wanted(other, environment)];
      assert.deepEqual(renderAll(two), renderAll(one));
      const [plan, again] = [one, two].map((desired) => diff(desired, EMPTY_HOST, 0));
      assert.deepEqual(describe(again!), describe(plan!));
      assert.deepEqual(again!.steps, plan!.steps);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Claims are settled alike whether or not the last settlement is remembered", () => {
  const nodesOf = (all: unknown[]) => parseAll(all).flatMap(({ node }) => node ?? []);
  const comings = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(objects, comings, fc.boolean(), (all, steps, keysNeeded) => {
      const disputed = nodesOf(all);
      const calm = nodesOf(Array.from({ length: 30 }, (_, i) => nodeJson(ordinaryNode(i + 20))));
      const cluster = new Set(calm.slice(0, 10));
      for (const step of steps) {
        const node = [...disputed, ...calm][step % (disputed.length + calm.length)]!;
        if (!cluster.delete(node)) cluster.add(node);
        const { nodes, podCidrs, rejected } = settleClaims([...cluster], keysNeeded);
        assert.deepEqual({ nodes, podCidrs, rejected }, settleAll([...cluster], keysNeeded));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("A Node that is told twice is told once", () => {
  fc.assert(
    fc.property(objects, environments, (all, environment) => {
      const { rejected: _, ...twice } = renderAll(wanted([...all, ...all], environment));
      const { rejected: __, ...once } = renderAll(wanted(all, environment));
      assert.deepEqual(twice, once);
    }),
  );
});

const MEMBERS =
  /^add set inet wigglenet (?:(?:local-)?pod-cidrs|no-masquerade|clear|near|late|outer(?:-own)?|host-(?:peers|own))-v([46]) \{ typeof (ip6?) saddr;(?: flags interval;)? elements = \{ (.*) \}; \}$/;

/** Found on 2026-11-23. */
const IN_OWN_POD_CIDR = [
  nodeJson({ podCIDRs: ["fd00:10:244::/62"], said: { nodeIps: ["fd00:10:244:3::9"] } }),
];

Deno.test("A ruleset is the structure of its settings and of this host's own addresses, and members that are canonical prefixes, nothing else", () => {
  fc.assert(
    fc.property(objects, environments, (all, { CLUSTER_POD_CIDRS: _, ...environment }) => {
      const desired = wanted(all, environment);
      const { node: { addresses }, podCidrs } = desired.settled.find(({ node }) => node.name === "n1")!;
      // What it has lost to its own pod CIDR would win as an InternalIP.
      const isLost = (address: Address) => podCidrs.some((prefix) => containsAddress(prefix, address));
      const of = (external: true | undefined) =>
        addresses.flatMap(({ value, isExternal }) =>
          isExternal === external && !isLost(value) ? [value.text] : []
        );
      const said = { nodeIps: addresses.flatMap(({ value }) => isLost(value) ? [value.text] : []) };
      const podCIDRs = podCidrs.map(({ text }) => text);
      const nobody = [nodeJson({ name: "n1", podCIDRs, internal: of(undefined), external: of(true), said })];
      const lines = renderAll(desired).nft.split("\n");
      const structureOf = (lines: string[]) => lines.filter((line) => !line.startsWith("add set "));
      const bare = renderAll(wanted(nobody, environment)).nft.split("\n");
      assert.deepEqual(structureOf(lines), structureOf(bare));
      for (const [, family, text] of lines.join("\n").matchAll(/^define tunnel_v([46]) = (.*)$/gm)) {
        assertCanonical(`${text}/${family === "4" ? 32 : 128}`, Number(family));
      }
      for (const line of lines.filter((text) => text.startsWith("add set "))) {
        const [, family, type, members] = MEMBERS.exec(line) ?? assert.fail(line);
        assert.equal(type, family === "4" ? "ip" : "ip6");
        for (const member of members!.split(", ")) {
          const length = / (?:outer|host)-/.test(line) ? `/${family === "4" ? 32 : 128}` : "";
          assertCanonical(`${member}${length}`, Number(family));
        }
      }
    }),
    { numRuns: 300, examples: [[IN_OWN_POD_CIDR, {}]] },
  );
});

function assertCanonical(text: string, family?: number): void {
  const prefix = parsePrefix(text);
  assert.ok(!refused(prefix) && prefix.text === text && prefix.family === (family ?? prefix.family), text);
}

/** What a line of a WireGuard configuration may say, by its key. */
const GRAMMAR: Readonly<Record<string, (value: string) => void>> = {
  "ListenPort": (value) => assert.match(value, /^\d+$/),
  "PublicKey": (value) => assert.equal(parsePublicKey(value), value),
  "AllowedIPs": (value) => value.split(",").forEach((prefix) => assertCanonical(prefix)),
  "PersistentKeepalive": (value) => assert.match(value, /^\d+$/),
  "Endpoint": (value) => assert.ok(!refused(parseEndpoint(value)), value),
};

Deno.test("A WireGuard configuration holds keys, prefixes, endpoints and names, and no prefix of two peers", () => {
  fc.assert(
    fc.property(objects, environments, (all, environment) => {
      const { wireguard } = renderAll(wanted(all, environment));
      for (const line of wireguard.split("\n").filter((text) => text !== "")) {
        const [key, value] = line.split(" = ");
        if (line.startsWith("# ")) assert.equal(parseNodeName(line.slice(2)), line.slice(2));
        else if (value !== undefined) GRAMMAR[key!]!(value);
        else assert.match(line, /^\[(Interface|Peer)\]$/);
      }
      const prefixes = [...wireguard.matchAll(/^AllowedIPs = (.*)$/gm)].flatMap(([, list]) =>
        list!.split(",")
      );
      assert.equal(new Set(prefixes).size, prefixes.length);
    }),
    { numRuns: 300 },
  );
});

Deno.test("What is told of Nodes is printable ASCII on one line", () => {
  fc.assert(
    fc.property(objects, environments, (all, environment) => {
      const { rejected, waiting } = wanted(all, environment);
      for (const told of [...rejected, ...waiting]) {
        for (const text of Object.values(told)) assert.match(String(text), /^[ -~]+$/);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("No value makes the parser of Nodes throw, and what it believes is whole", () => {
  const value = fc.anything({
    withNullPrototype: true,
    withBigInt: true,
    withDate: true,
    withSet: true,
    maxDepth: 4,
  });
  fc.assert(
    fc.property(fc.oneof(value, objects.map((all) => all.at(-1))), (json) => {
      const [{ node }] = parseAll([json]) as [ReturnType<typeof parseAll>[number]];
      if (node === undefined) return;
      assert.equal(parseNodeName(node.name), node.name);
      for (const { value } of node.podCidrs) assertCanonical(value.text);
      for (const { value } of node.addresses) assert.deepEqual(parseAddress(value.text), value);
    }),
    { numRuns: 2000 },
  );
});
