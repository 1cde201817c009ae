import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { EMPTY_HOST } from "../../../test/host_state.ts";
import { diff } from "./diff.ts";
import type { Step } from "./plan.ts";
import { wgBatchOf } from "./wg_batch.ts";

function stagesOf(steps: readonly Step[]): Step[][] {
  return [...Map.groupBy(steps, ({ stage }) => stage).values()];
}

const firstLoad = (count: number) => {
  const nodes = Array.from({ length: count }, (_, i) => ordinaryNode(i + 1));
  return stagesOf(diff(desireOf(nodes, {}, { publicKey: keyOf(1) }), EMPTY_HOST, 0).steps);
};

Deno.test("A new interface gets its key and its few peers by one start of wg, and they are looked after", () => {
  const [batch, ...others] = firstLoad(3).flatMap((stage) => wgBatchOf(stage) ?? []);
  assert.deepEqual(others, []);
  assert.match(
    batch!.args.join(" "),
    /^set wigglenet listen-port 24601 fwmark 0 private-key \S+ peer \S+ endpoint 10\.9\.1\.2:24601 allowed-ips .* peer /,
  );
  assert.deepEqual(batch!.steps.map(({ part, actions }) => [part, actions.length]), [["link", 1], [
    "wireguard",
    2,
  ]]);
});

Deno.test("Hundreds of peers come behind the key, by their own file", () => {
  const stages = firstLoad(200);
  assert.deepEqual(stages.flatMap((stage) => wgBatchOf(stage) ?? []), []);
  const commands = stages.flat().flatMap(({ actions }) =>
    actions.flatMap((action) => action.kind === "run" ? `${action.program} ${action.args[0]}` : [])
  );
  assert.ok(commands.indexOf("wg set") < commands.indexOf("wg addconf"));
});

Deno.test("What is removed with ip, or with a file, goes alone", () => {
  const step = (program: "ip" | "wg", args: readonly string[], input?: string): Step => {
    const action = { kind: "run", program, args, ...(input === undefined ? {} : { input }) } as const;
    return { part: "wireguard", stage: 0, needs: [], changes: [], actions: [action] };
  };
  const set = step("wg", ["set", "w", "peer", "A", "remove"]);
  assert.equal(wgBatchOf([set, step("wg", ["addconf", "w"], ""), step("ip", ["-batch"], "")]), undefined);
});
