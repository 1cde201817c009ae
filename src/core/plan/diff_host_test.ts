import assert from "node:assert/strict";
import { desireOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { diffHostRouting } from "./diff_host.ts";

const desired = desireOf([ordinaryNode(1), ordinaryNode(2)], { HOST_ENCRYPTION: "require" });
const off = desireOf([ordinaryNode(1), ordinaryNode(2)]);
const [rule, tunnel, unreachable] = desired.hostRouting![4] as [string, string, string];

function hostWith(texts: readonly string[]): ObservedState {
  return { ...hostOf(desired), hostRouting: { 4: new Set(texts), 6: new Set(desired.hostRouting![6]) } };
}

/** What ip is given, by its arguments. */
function inputs(observed: ObservedState, wanted = desired): string[] {
  return diffHostRouting(wanted, observed).flatMap(({ actions }) =>
    actions.map((action) =>
      action.kind === "run"
        ? `${action.args.join(" ")}: ${action.input!.trim().replaceAll("\n", "; ")}`
        : action.kind
    )
  );
}

Deno.test("What stands is left alone", () => {
  assert.deepEqual(inputs(hostWith([rule, tunnel, unreachable])), []);
});

Deno.test("What is missing is added with the tunnel, and needs it", () => {
  assert.deepEqual(inputs(hostWith([tunnel])), [
    "-4 -batch: rule add pref 146 fwmark 0x1000/0x1000 lookup 146 protocol 146; " +
    "route replace unreachable default proto 146 metric 32760 table 146",
  ]);
  const [step] = diffHostRouting(desired, hostWith([]));
  assert.deepEqual([step!.part, step!.needs], ["host-v4", ["link"]]);
});

Deno.test("Of a host that nobody has looked at nothing is known to stand", () => {
  const { hostRouting: _, ...unseen } = hostWith([]);
  assert.equal(diffHostRouting(desired, unseen).length, 2);
  assert.deepEqual(diffHostRouting(off, unseen), []);
});

Deno.test("With the interface its route is gone, whatever was read before", () => {
  const gone = { ...hostWith([rule, tunnel, unreachable]), link: undefined };
  assert.deepEqual(inputs(gone)[0], "-4 -batch: route replace default dev wigglenet proto 146 table 146");
});

Deno.test("What is not wanted goes, each for itself: another's rule of our number, and all of it when it is off", () => {
  const odd = "rule pref 7 lookup main protocol 146";
  assert.deepEqual(inputs(hostWith([odd, rule, tunnel, unreachable])), [
    "-4 -force -batch: rule del pref 7 lookup main protocol 146",
  ]);
  assert.deepEqual(
    inputs(hostWith([rule, tunnel, unreachable]), off)[0],
    [
      "-4 -force -batch: route del default dev wigglenet proto 146 table 146",
      "route del unreachable default proto 146 metric 32760 table 146",
      "rule del pref 146 fwmark 0x1000/0x1000 lookup 146 protocol 146",
    ].join("; "),
  );
});
