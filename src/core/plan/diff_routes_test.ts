import assert from "node:assert/strict";
import { desireOf, interfaceOf, keyOf, type NodeWords, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import { describe } from "./describe.ts";
import { diff } from "./diff.ts";
import { everythingOn } from "./spared.ts";

Deno.test("Routes into our interface that nobody put his name to go: one in the place of ours is replaced, the others last", () => {
  const desired = desireOf([1, 2].map(ordinaryNode), {}, { publicKey: keyOf(1) });
  const host = hostOf(desired);
  const ours = "10.244.2.0/24 dev wigglenet proto 146";
  const unnamed = ["10.244.2.0/24", "10.244.1.1/32", "10.244.9.0/24"].map((to) =>
    `${to} dev wigglenet proto boot`
  );
  const routes = { 4: new Set([...host.routes[4], ...unnamed]), 6: host.routes[6] };
  routes[4].delete(ours);
  const plan = diff(desired, { ...host, routes }, 1000);
  assert.deepEqual(describe(plan).filter((line) => line.includes(" route ")), [
    `+ route ${ours} (missing)`,
    "- route 10.244.9.0/24 dev wigglenet proto boot (not wanted)",
    "- route 10.244.1.1/32 dev wigglenet proto boot (not wanted)",
  ]);
});

const DIRECT = { TRANSPORT_IPV4: "direct-or-wireguard", TRANSPORT_IPV6: "direct-or-wireguard" };
const TAKES = "ipv4=direct-or-wireguard,ipv6=direct-or-wireguard";
const HERE = { publicKey: keyOf(1), interfaces: [interfaceOf("eth0", ["10.9.1.1/24"])] };
const direct = (i: number): NodeWords => ({ ...ordinaryNode(i), transport: TAKES });
const VIA = (i: number) => `10.244.${i}.0/24 via 10.9.1.${i} dev eth0 onlink proto 146`;

Deno.test("Routes in the clear are a part of their own, each for itself: one that the kernel refuses holds up nothing", () => {
  const desired = desireOf([1, 2, 3].map(direct), DIRECT, HERE);
  const host = hostOf(desired);
  const { steps } = diff(desired, { ...host, routes: { 4: new Set(), 6: new Set() } }, 1000);
  const step = steps.find(({ part }) => part === "clear-v4")!;
  assert.deepEqual(step.actions, [{
    kind: "run",
    program: "ip",
    args: ["-4", "-force", "-batch"],
    input: `route replace ${VIA(2)}\nroute replace ${VIA(3)}\n`,
  }]);
  assert.deepEqual(step.needs, []);
  assert.ok(
    steps.some(({ part, changes }) =>
      part === "routes-v4" && changes.some(({ text }) => text.startsWith("unreachable"))
    ),
  );
});

Deno.test("Who was expected to take packets in the clear is sent them before the table counts on it, others behind it", () => {
  const desired = desireOf([1, 2, 3].map(direct), DIRECT, HERE);
  const host = hostOf(desired);
  const sets = new Map(host.table!.sets).set("near-v4", new Set(["10.244.2.0/24"])).set(
    "clear-v4",
    new Set(),
  );
  const observed = {
    ...host,
    table: { ...host.table!, sets },
    routes: { 4: new Set<string>(), 6: host.routes[6] },
  };
  const order = diff(desired, observed, 1000).steps.flatMap(({ part, changes }) =>
    part === "table" || part === "clear-v4" ? [`${part} ${changes[0]!.text}`] : []
  );
  assert.equal(order[0], `clear-v4 ${VIA(2)}`);
  assert.match(order[1]!, /^table /);
  assert.equal(order[2], `clear-v4 ${VIA(3)}`);
});

Deno.test("Back in the tunnel no route in the clear stays, whether the tunnel can come up or not", () => {
  const desired = desireOf([1, 2, 3].map(ordinaryNode), {}, HERE);
  const host = hostOf(desired);
  const clear = [VIA(2), VIA(3)];
  const unreachable = [...host.routes[4]].filter((text) => text.startsWith("unreachable"));
  const routes = { 4: new Set([...clear, ...unreachable]), 6: host.routes[6] };
  for (const link of [host.link, undefined, { ...host.link!, kind: "bridge" }]) {
    const { steps } = diff(desired, { ...host, link, routes }, 1000);
    const gone = steps.flatMap(({ changes }) =>
      changes.filter(({ op }) => op === "-").map(({ text }) => text)
    );
    assert.deepEqual(gone.filter((text) => text.includes(" via ")).sort(), clear);
    const deletion = steps.findIndex(({ changes }) =>
      changes.some(({ op, text }) => op === "-" && clear.includes(text))
    );
    const tunnel = steps.findIndex(({ changes }) =>
      changes.some(({ text }) => text.startsWith("10.244.2.0/23 dev"))
    );
    assert.ok(tunnel === -1 || (link === undefined ? deletion < tunnel : tunnel < deletion), `${link?.kind}`);
    assert.deepEqual(steps[deletion]!.needs, []);
  }
});

Deno.test("Beside a file that was never read no route in the clear is spared to pods that are known, nor where nothing may leave so", () => {
  const unknown = "10.244.9.0/24 via 10.9.1.9 dev eth0 onlink proto 146";
  const goneWith = (environment: Record<string, string>, nodes = [1, 2, 3].map(direct)) => {
    const desired = desireOf(nodes, environment, HERE);
    const host = hostOf(desired);
    const stale = "10.244.2.0/24 via 10.9.1.77 dev eth0 onlink proto 146";
    const routes = { 4: new Set([...host.routes[4], unknown, stale]), 6: host.routes[6] };
    const observed = { ...host, routes };
    const { steps } = diff({ ...desired, spared: everythingOn(observed) }, observed, 1000);
    return steps.flatMap(({ changes }) => changes.filter(({ op }) => op === "-").map(({ text }) => text))
      .sort();
  };
  assert.deepEqual(goneWith(DIRECT), ["10.244.2.0/24 via 10.9.1.77 dev eth0 onlink proto 146"]);
  assert.equal(goneWith({}, [1, 2, 3].map(ordinaryNode)).length, 2);
});

Deno.test("Back in the tunnel its routes take the place of those in the clear, the table comes behind, and what it could not have goes all the same", () => {
  const desired = desireOf([1, 2, 3].map(ordinaryNode), {}, HERE);
  const host = hostOf(desired);
  const clear = [VIA(2), VIA(3)];
  const unreachable = [...host.routes[4]].filter((text) => text.startsWith("unreachable"));
  const routes = { 4: new Set([...clear, ...unreachable]), 6: host.routes[6] };
  const sets = new Map(host.table!.sets).set("pod-cidrs-v4", new Set()).set(
    "clear-v4",
    new Set(["10.244.2.0/24"]),
  );
  const plan = diff(desired, { ...host, routes, table: { ...host.table!, sets } }, 1000);
  const [tunnel, remains, table] = plan.steps.map(({ part, stage, needs, actions: [action] }) => ({
    ...{ part, stage, needs },
    input: action?.kind === "run" ? action.input : undefined,
  }));
  assert.deepEqual([tunnel!.part, tunnel!.needs], ["routes-v4", ["link"]]);
  assert.match(tunnel!.input!, /^route replace 10\.244\.2\.0\/23 dev wigglenet proto 146$/m);
  assert.deepEqual(remains, {
    part: "clear-v4",
    stage: remains!.stage,
    needs: [],
    input: "route flush dev eth0 proto 146\n",
  });
  assert.equal(table!.part, "table");
  assert.ok(tunnel!.stage < remains!.stage && remains!.stage < table!.stage);
  // Whoever made these routes, a table that lets nothing leave so is set right before all others.
  sets.delete("clear-v4");
  const [guard] = diff(desired, { ...host, routes, table: { ...host.table!, sets } }, 1000).steps;
  assert.equal(guard!.part, "table");
});

Deno.test("One family back in the tunnel, the other to VXLAN: the table comes before the interface whose packets it decides of", () => {
  const said = "ipv4=direct-or-wireguard,ipv6=wireguard";
  const nodes = [1, 2, 3].map((i) => ({ ...ordinaryNode(i), transport: said }));
  const before = desireOf(nodes, { TRANSPORT_IPV4: "direct-or-wireguard" }, HERE);
  const after = desireOf(nodes, { TRANSPORT_IPV6: "vxlan" }, HERE);
  const observed = { ...hostOf(before), reference: hostOf(after).reference };
  const orderOf = (host: typeof observed) =>
    [...new Set(diff(after, host, 1000).steps.map(({ part }) => part))].filter((part) =>
      ["table", "overlay", "routes-v4"].includes(part)
    );
  assert.deepEqual(orderOf(observed), ["table", "overlay", "routes-v4"]);
  assert.deepEqual(orderOf({ ...observed, overlay: hostOf(after).overlay }), ["routes-v4", "table"]);
});
