import assert from "node:assert/strict";
import { type AgentView, statusLine } from "./status_line.ts";

const WELL: AgentView = { isInSync: true, peers: 2, failing: {}, problems: [], waiting: [], rejected: [] };
const REMARK = { what: "forwarding", why: "it is off", next: "switch it on", isRemark: true } as const;

Deno.test("a node that is well says so, with the number of its peers", () => {
  assert.equal(statusLine(WELL), "in sync, 2 peers");
  assert.equal(statusLine({ ...WELL, peers: 1 }), "in sync, 1 peer");
});

Deno.test("what fails comes before what is waited for, then the source, refused claims and remarks", () => {
  const line = statusLine({
    ...WELL,
    isInSync: false,
    failing: { table: { error: "nft exited 1" } },
    waiting: [REMARK, { what: "Nodes", why: "no Node named n1 among 0", next: "look at /nodes.d" }],
    problems: [{ path: "/nodes.d/n2.yaml", reason: "not YAML" }],
    rejected: [{ node: "n3", claim: "10.244.1.0/24", reason: "n1 has it" }],
  });
  assert.equal(
    line,
    "not in sync; table: nft exited 1; waiting for Nodes: no Node named n1 among 0; look at /nodes.d; " +
      "cannot take in /nodes.d/n2.yaml: not YAML; rejected: n3: 10.244.1.0/24: n1 has it; and 1 more",
  );
  assert.equal(
    statusLine({ ...WELL, waiting: [REMARK] }),
    "in sync, 2 peers; forwarding: it is off; switch it on",
  );
});

Deno.test("a hostile name cannot make a second line, nor one without end", () => {
  const rejected = [{ node: "n3\nREADY=1", claim: "x".repeat(5_000), reason: "junk" }];
  const line = statusLine({ ...WELL, rejected });
  assert.match(line, /^in sync, 2 peers; rejected: n3 READY=1: x+\.\.\.$/);
  assert.ok(line.length < 1_000);
});
