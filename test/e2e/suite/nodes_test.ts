// What is wrong with a node is named by `wigglenet check` in its agent's pod; what it lacks of CNI plugins it gets.

import assert from "node:assert/strict";
import { until } from "../../lab/until.ts";
import { World } from "../world.ts";

const world = await World.standing();
const PLUGINS = "/opt/cni/bin";
const ASIDE = "/var/lib/aside";

interface Fault {
  readonly what: string;
  /** Scripts for the node. */
  readonly make: string;
  readonly mend: string;
  /** By check, and by the readiness of the agent's pod. */
  readonly named: RegExp;
  readonly shown: RegExp;
}

const [FORWARDING, VERSION] = world.families.includes("v4")
  ? ["net.ipv4.ip_forward", "4"]
  : ["net.ipv6.conf.all.forwarding", "6"];

const FAULTS: readonly Fault[] = [
  {
    what: "that lacks a CNI plugin",
    make: `mv ${PLUGINS}/ptp ${ASIDE}`,
    mend: `mv ${ASIDE} ${PLUGINS}/ptp`,
    named: /^error: CNI plugins are missing: ptp; /m,
    shown: /pod network: CNI plugins are missing: ptp; /,
  },
  {
    what: "with another CNI configuration before ours",
    make: "echo '{}' > /etc/cni/net.d/00-other.conflist",
    mend: "rm /etc/cni/net.d/00-other.conflist",
    named: /^error: 00-other\.conflist comes before 10-wigglenet\.conflist/m,
    shown: /pod network: 00-other\.conflist comes before 10-wigglenet\.conflist/,
  },
  {
    what: "that does not forward",
    make: `sysctl -qw ${FORWARDING}=0`,
    mend: `sysctl -qw ${FORWARDING}=1`,
    named: new RegExp(`^error: IPv${VERSION} is not forwarded; .*${FORWARDING}=1`, "m"),
    shown: new RegExp(`IPv${VERSION} forwarding: ${FORWARDING} is 0`),
  },
  {
    // The last one: the agent hears of it at once, and looks at all.
    what: "with a foreign table that drops",
    make:
      `nft 'table inet foreign { chain forward { type filter hook forward priority 10; policy drop; accept; }; }'`,
    mend: "nft delete table inet foreign",
    named: /^warning: inet foreign forward drops what no rule of its own accepts/m,
    shown: /foreign firewall: inet foreign forward drops/,
  },
];

const onNode = (script: string) => world.cluster.onNode(world.far, ["sh", "-ec", script]);

for (const { what, make, mend, named } of FAULTS) {
  Deno.test(`a node ${what}: check names it and the remedy`, async () => {
    const healthy = await world.inAgent(world.far, ["wigglenet", "check"]);
    assert.doesNotMatch(healthy.stdout, named);
    await onNode(make);
    try {
      const { stdout, stderr } = await world.inAgent(world.far, ["wigglenet", "check"]);
      assert.match(stdout, named, stderr);
    } finally {
      await onNode(mend);
    }
  });
}

/** What kubelet says of the readiness of a pod, as `kubectl describe pod` shows it. */
async function readinessEvents(pod: string): Promise<string> {
  const of = ["--field-selector", `involvedObject.name=${pod},reason=ProbeWarning`];
  const { items } = await world.cluster.json(["-n", "kube-system", "get", "events", ...of]);
  return items.map(({ message }: { message: string }) => message).join("\n");
}

Deno.test("all of that is in what kubelet says of the agent's pod, which stays ready", async () => {
  const { metadata: { name } } = (await world.agentOn(world.far))!;
  for (const { make } of FAULTS) await onNode(make);
  let said = "";
  try {
    await until("kubelet to say all of it", async () => {
      said = await readinessEvents(name);
      return FAULTS.every(({ shown }) => said.split("\n").some((line) => shown.test(line)));
    }, { deadlineMs: 60_000, pauseMs: 1000, seen: () => said });
    assert.match(said, /^Readiness probe warning: .*ready, but /m);
    const { status } = (await world.agentOn(world.far))!;
    assert.equal(status.conditions!.find(({ type }) => type === "Ready")!.status, "True");
  } finally {
    for (const { mend } of FAULTS) await onNode(mend);
  }
});

Deno.test("a node that lacks a CNI plugin gets it with its next agent; what it has is left as it is", async () => {
  const seen = async (name: string) => (await onNode(`stat -c '%i %s %a' ${PLUGINS}/${name}`)).trim();
  const kept = await seen("host-local");
  await onNode(
    `mv ${PLUGINS}/ptp ${ASIDE}; : > ${PLUGINS}/portmap.spare; mv ${PLUGINS}/portmap ${ASIDE}.portmap`,
  );
  await onNode(`mv ${PLUGINS}/portmap.spare ${PLUGINS}/portmap`); // what a copy that was cut off leaves
  try {
    const { metadata: { name, uid } } = (await world.agentOn(world.far))!;
    await world.cluster.kubectl(["-n", "kube-system", "delete", "pod", name, "--wait"]);
    await until("another agent", async () => {
      const now = await world.agentOn(world.far);
      return now !== undefined && now.metadata.uid !== uid;
    }, { deadlineMs: 60_000, pauseMs: 200 });
    await world.agentsInSync();
    for (const plugin of ["ptp", "portmap"]) {
      assert.match(await seen(plugin), / [1-9]\d{5,} 755$/);
      // Without a command they say who they are.
      assert.match(await onNode(`${PLUGINS}/${plugin} 2>&1 </dev/null || true`), new RegExp(plugin));
    }
    assert.equal(await seen("host-local"), kept);
  } finally {
    await onNode(`mv ${ASIDE} ${PLUGINS}/ptp; mv ${ASIDE}.portmap ${PLUGINS}/portmap`);
  }
});
