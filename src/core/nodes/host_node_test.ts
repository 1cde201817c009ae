import assert from "node:assert/strict";
import { refused } from "../net/refusal.ts";
import {
  absenceText,
  candidateParser,
  type HostIds,
  hostNode,
  parseMachineId,
  parseSystemUuid,
  pickIds,
} from "./host_node.ts";

const MACHINE = "3d1219c7c4c5404aaa1f6d2a48adfda4";
const OTHER_MACHINE = "4e2320d8d5d6515bbb2a7e3b59bea0b5";
const UUID = "4c4c4544-0052-3410-8058-b2c04f4a5931";
const OTHER_UUID = "4c4c4544-0052-3410-8058-b2c04f4a5932";
const NOBODYS = "03000200-0400-0500-0006-000700080009";

function nodeOf(name: unknown, machineID?: unknown, systemUUID?: unknown): unknown {
  return {
    metadata: { name, labels: { a: "b" } },
    status: { nodeInfo: { machineID, systemUUID, bootID: "x" } },
  };
}

/** What a host with these ids makes of these Nodes: the name, or the reason. */
function found(ids: Partial<HostIds>, ...nodes: readonly unknown[]): string {
  const host = { machineId: undefined, systemUuid: undefined, ...ids };
  const candidates = nodes.map(candidateParser(host));
  const name = hostNode(candidates, host);
  if (refused(name)) return name.reason;
  return name ?? absenceText(candidates, host);
}

const BOTH = { machineId: MACHINE, systemUuid: UUID };
const NONE =
  "NODE_NAME is not set, and none of the Nodes has machine-id 3d1219c7... and system UUID 4c4c4544...";

const CASES: Readonly<Record<string, readonly [string, string]>> = {
  "a Node with both ids is this host": [
    found(BOTH, nodeOf("n2", OTHER_MACHINE, OTHER_UUID), nodeOf("n1", MACHINE, UUID)),
    "n1",
  ],
  "one id is enough where the Node does not say the other": [found(BOTH, nodeOf("n1", MACHINE)), "n1"],
  "one id is enough where the host does not know the other": [
    found({ systemUuid: UUID }, nodeOf("n1", MACHINE, UUID)),
    "n1",
  ],
  "the machine-id alone is enough where the UUID cannot be read": [
    found({ machineId: MACHINE }, nodeOf("n1", MACHINE, UUID)),
    "n1",
  ],
  "case and white space do not matter": [
    found(BOTH, nodeOf("n1", ` ${MACHINE}\n`, UUID.toUpperCase())),
    "n1",
  ],
  "what kubelet puts there without firmware, the machine-id, is no UUID and denies nothing": [
    found(BOTH, nodeOf("n1", MACHINE, MACHINE)),
    "n1",
  ],
  "a machine that was cloned is not its original": [
    found(BOTH, nodeOf("n1", MACHINE, OTHER_UUID)),
    `${NONE}; only one of its ids have n1 (another system UUID)`,
  ],
  "nodes that share the firmware's UUID, as containers of one machine, are told apart": [
    found(BOTH, nodeOf("n1", OTHER_MACHINE, UUID), nodeOf("n2", MACHINE, UUID)),
    "n2",
  ],
  "a UUID that whole batches of machines have is none": [
    found({ machineId: MACHINE, systemUuid: parseSystemUuid(NOBODYS) }, nodeOf("n1", OTHER_MACHINE, NOBODYS)),
    "NODE_NAME is not set, and none of the Nodes has machine-id 3d1219c7...",
  ],
  "without a Node of this host the ids are named, for an eye to compare": [
    found(BOTH, nodeOf("n2", OTHER_MACHINE, OTHER_UUID)),
    NONE,
  ],
  "two Nodes of one machine are refused, and both are named": [
    found(BOTH, nodeOf("old-name", MACHINE, UUID), nodeOf("new-name", MACHINE, UUID)),
    "2 Nodes have machine-id 3d1219c7... and system UUID 4c4c4544...: new-name, old-name; " +
    "set NODE_NAME (--node-name) to this host's one, or delete the Node of the machine that is gone",
  ],
  "of many the first five are named": [
    found({ machineId: MACHINE }, ...[7, 6, 5, 4, 3, 2, 1].map((i) => nodeOf(`n${i}`, MACHINE))),
    "7 Nodes have machine-id 3d1219c7...: n1, n2, n3, n4, n5 and 2 more; " +
    "set NODE_NAME (--node-name) to this host's one, or delete the Node of the machine that is gone",
  ],
  "a Node that is listed twice is one": [
    found(BOTH, nodeOf("n1", MACHINE), nodeOf("n1", MACHINE, UUID)),
    "n1",
  ],
};

for (const [sentence, [seen, wanted]] of Object.entries(CASES)) {
  Deno.test(sentence, () => assert.equal(seen, wanted));
}

Deno.test("whatever stands in the place of a Node is not this host, and nothing of it is kept", () => {
  const parse = candidateParser(BOTH);
  const junk = [
    undefined,
    null,
    "n1",
    [nodeOf("n1", MACHINE, UUID)],
    {},
    nodeOf("n1"),
    nodeOf("n1", 5, { UUID }),
    nodeOf("n1", [MACHINE], UUID.replaceAll("-", "")),
    nodeOf("N 1; rm -rf", MACHINE, UUID),
    nodeOf(undefined, MACHINE, UUID),
    { metadata: { name: "n1" }, status: { nodeInfo: [MACHINE] } },
  ];
  for (const json of junk) assert.deepEqual(parse(json), { node: undefined, rejected: [] });
});

Deno.test("ids are read as kubelet reads them, and what is no machine's own is none", () => {
  const machineIds: readonly [unknown, string | undefined][] = [
    [`${MACHINE}\n`, MACHINE],
    ["", undefined],
    ["uninitialized\n", undefined],
    ["0".repeat(32), undefined],
    [MACHINE.slice(1), undefined],
    [`${MACHINE} ${MACHINE}`, undefined],
    [undefined, undefined],
  ];
  for (const [text, wanted] of machineIds) assert.equal(parseMachineId(text), wanted, String(text));
  const uuids: readonly [unknown, string | undefined][] = [
    [`${UUID.toUpperCase()}\n`, UUID],
    ["Not Settable", undefined],
    ["00000000-0000-0000-0000-000000000000", undefined],
    ["FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", undefined],
    [NOBODYS, undefined],
    ["0f4c4544-0052-3410-8058-b2c04f4a5931", "0f4c4544-0052-3410-8058-b2c04f4a5931"],
    [7, undefined],
  ];
  for (const [text, wanted] of uuids) assert.equal(parseSystemUuid(text), wanted, String(text));
});

Deno.test("what is picked of a Node parses alike, and is all that parsing reads", () => {
  const whole = { ...nodeOf("n1", MACHINE, UUID) as object, spec: { podCIDR: "x" } };
  assert.deepEqual(candidateParser(BOTH)(pickIds(whole)), candidateParser(BOTH)(whole));
  assert.equal(JSON.stringify(pickIds(whole)).length < 160, true);
  assert.deepEqual(candidateParser(BOTH)(pickIds("junk")), { node: undefined, rejected: [] });
});
