// What keeps pods from their network is put onto a node, one after the other: `check` names each with a remedy, and says in one line
// that the node is well before and after.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1

import assert from "node:assert/strict";
import { fakeClock } from "../lab/fake_clock.ts";
import { HAS_FLOWTABLE, HAS_KERNEL_WIREGUARD } from "../lab/kernel.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";
import { Mesh } from "../netns/mesh.ts";

const mesh = await Mesh.create({ nodes: 2 });
Deno.test.afterAll(() => mesh.close());
const [n1, n2] = mesh.nodes as [Node, Node];
const PLUGIN_FOLDERS = ["/opt/cni/bin", "/usr/lib/cni"];
const WELL = /^n1 is well: .*nftables.*\n$/;
/** Said by this host's kernel where it has no WireGuard, unless it is meant. */
const MEANT = { "wireguard-mode": HAS_KERNEL_WIREGUARD ? "auto" : "userspace" };

interface Fault {
  readonly put: () => Promise<unknown>;
  readonly take: () => Promise<unknown>;
  readonly line: RegExp;
  readonly args?: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** This kernel cannot have it. */
  readonly ignore?: boolean;
}

const nothing = () => Promise.resolve();
const nft = (text: string) => () => n1.run(["nft", "-f", "-"], { stdin: text });
const withoutTable = nft("delete table inet foreign");
const chain = (hook: string, policy: string, rules = "") =>
  nft(`table inet foreign { chain c { type filter hook ${hook} priority 10; policy ${policy}; ${rules} }; }`);

async function check({ args = [], settings = {}, env = {} }: Partial<Fault> = {}): Promise<string> {
  const options = { verb: "check", args, env, settings: { ...MEANT, ...settings } };
  const { stdout, stderr } = await n1.runAgent(options);
  return stdout + stderr;
}

/** Another Node, which loses by its name: of none the age is known. */
function otherNode(podCIDRs: readonly string[], key?: string) {
  const node = manifestOf(8);
  node.spec.podCIDRs = [...podCIDRs];
  if (key !== undefined) node.metadata.annotations = { "wigglenet/public-key": key };
  return node;
}

const keyOf = (node: Node) => node.manifest.metadata.annotations!["wigglenet/public-key"]!;
const KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI=";
const refuses = () => n1.says("a claim is refused", ({ rejected }) => rejected.length > 0);
const withoutOther = async () => {
  await mesh.lab.withdraw("n8");
  await n1.says("nothing is refused", ({ rejected, peers }) => rejected.length === 0 && peers.length === 1);
};

/** Puts a program in the place of nft that is nft but for this. */
async function wrapNft(lines: string): Promise<void> {
  const path = (await n1.run(["sh", "-c", "readlink -f $(command -v nft)"])).trim();
  await n1.run(["cp", path, `${n1.folder}/real-nft`]);
  await Deno.writeTextFile(`${n1.folder}/nft`, `#!/bin/sh\n${lines}\nexec ${n1.folder}/real-nft "$@"\n`, {
    mode: 0o755,
  });
  await n1.run(["mount", "--bind", `${n1.folder}/nft`, path]);
}

async function unwrapNft(): Promise<void> {
  await n1.run(["umount", (await n1.run(["sh", "-c", "readlink -f $(command -v nft)"])).trim()]);
}

const isThere = (path: string) => Deno.stat(path).then(() => true, () => false);
const folders = (await Promise.all(PLUGIN_FOLDERS.map(async (path) => await isThere(path) ? [path] : [])))
  .flat();
const BRIDGE = "/proc/sys/net/bridge";
if (!await isThere(BRIDGE)) {
  await new Deno.Command("modprobe", { args: ["br_netfilter"], stderr: "null" }).output();
}
/** Without it nobody's bridge is filtered, and there is nothing to find. */
const HAS_BRIDGE_FILTER = await isThere(BRIDGE);
const CONNTRACK_MAX = "/proc/sys/net/netfilter/nf_conntrack_max";

function bridged(): Fault {
  return {
    put: async () => {
      await n1.ip([
        "link add br0 type bridge",
        "link add port0 type veth peer name port1",
        "link set port0 master br0",
      ]);
      await n1.sysctl("1", ["net.bridge.bridge-nf-call-iptables"]);
    },
    take: () => n1.ip(["link del port0", "link del br0"]),
    ignore: !HAS_BRIDGE_FILTER,
    line:
      /^warning: br_netfilter leads what br0 bridges through the rules of this host.*bridge-nf-call-iptables=0/,
  };
}

const FAULTS: Readonly<Record<string, Fault>> = {
  "a foreign drop on forward": {
    put: chain("forward", "drop", "accept;"),
    take: withoutTable,
    line: /^warning: inet foreign c drops .*; nft list chain inet foreign c/,
  },
  "a foreign drop on input": {
    put: chain("input", "drop", "accept;"),
    take: withoutTable,
    line: /^warning: inet foreign c drops .*; nft list chain inet foreign c/,
  },
  "a foreign rule that drops the rest of forward": {
    put: chain("forward", "accept", "ct state established accept; tcp dport 80 accept; counter drop;"),
    take: withoutTable,
    line:
      /^warning: inet foreign c drops what no rule before lets through: .*; nft list chain inet foreign c/,
  },
  "a foreign rule that refuses the rest of input": {
    put: chain("input", "accept", "ct state established accept; udp dport 24601 accept; reject;"),
    take: withoutTable,
    line: /^warning: inet foreign c drops what no rule before lets through/,
  },
  "rp_filter": {
    put: () => n1.sysctl("1", ["net.ipv4.conf.all.rp_filter"]),
    take: () => n1.sysctl("0", ["net.ipv4.conf.all.rp_filter"]),
    line: /^warning: rp_filter is strict on wigglenet: .*sysctl -w/,
  },
  "forwarding that is off": {
    put: () => n1.sysctl("0", ["net.ipv6.conf.all.forwarding"]),
    take: () => n1.sysctl("1", ["net.ipv6.conf.all.forwarding"]),
    line: /^error: IPv6 is not forwarded; .*sysctl -w net\.ipv6\.conf\.all\.forwarding=1/,
  },
  "a UDP port that a rule here blocks": {
    put: chain("input", "accept", "udp dport 24601 drop;"),
    take: withoutTable,
    line: /^error: inet foreign c drops UDP port 24601: .*; nft -a list chain inet foreign c/,
  },
  "the UDP port that keys rotate by, which a rule here blocks": {
    put: chain("input", "accept", "udp dport 24602 drop;"),
    take: withoutTable,
    line: /^error: inet foreign c drops UDP port 24602: /,
  },
  "a UDP port that is blocked on the way": {
    put: async () => {
      await mesh.lab.underlay.run(["nft", "-f", "-"], {
        stdin: `table bridge way { chain c { type filter hook forward priority 0; udp dport 24601 drop; }; }`,
      });
      await n1.run(["wg", "set", "wigglenet", "peer", keyOf(n2), "remove"]);
      await n1.says("n2 is new", ({ peers }) => peers[0]?.handshakeSeconds === 0);
    },
    take: async () => {
      await mesh.lab.underlay.run(["nft", "delete", "table", "bridge", "way"]);
      await mesh.reachable();
    },
    line: /^warning: n2 does not answer at 10\.9\.1\.2:24601; let UDP port 24601 pass/,
  },
  "a route that overlaps another node's prefix": {
    put: () => n1.ip(["route add 10.244.2.128/25 via 10.9.1.254"]),
    take: () => n1.ip(["route del 10.244.2.128/25"]),
    line:
      /^error: the route 10\.244\.2\.128\/25 dev eth0 overlaps the pod CIDR 10\.244\.2\.0\/24 of n2; ip route del/,
  },
  "an interface's network that overlaps this node's prefix": {
    put: () =>
      n1.ip(["link add lan0 type bridge", "link set lan0 up", "address add 10.244.200.1/16 dev lan0"]),
    take: () => n1.ip(["link del lan0"]),
    line: /^error: the route 10\.244\.0\.0\/16 dev lan0 overlaps the pod CIDR 10\.244\.1\.0\/24 of this node/,
  },
  "Nodes whose prefixes overlap": {
    put: () => mesh.lab.publish(otherNode(["10.244.2.128/25"], KEY)).then(refuses),
    take: withoutOther,
    line: /^warning: refused: n8: .*10\.244\.2\.128\/25.*n2.*; mend what n8 says/,
  },
  "Nodes with one key": {
    put: () => mesh.lab.publish(otherNode(["10.244.8.0/24"], keyOf(n2))).then(refuses),
    take: withoutOther,
    line: /^warning: refused: n8: .*key.*; mend what n8 says/,
  },
  "a Service's address in a pod CIDR, by the environment": {
    put: nothing,
    take: nothing,
    env: { KUBERNETES_SERVICE_HOST: "10.244.2.1" },
    line: /^error: the Service address 10\.244\.2\.1 is in the pod CIDR 10\.244\.2\.0\/24 of n2; .*service/,
  },
  "a Service's address in a pod CIDR, by kube-proxy's table": {
    put: nft(
      "table ip kube-proxy { set cluster-ips { type ipv4_addr; elements = { 10.96.0.1, 10.244.1.9 }; }; }",
    ),
    take: nft("delete table ip kube-proxy"),
    line: /^error: the Service address 10\.244\.1\.9 is in the pod CIDR 10\.244\.1\.0\/24 of this node/,
  },
  "a clock that was set back": {
    put: nothing,
    take: nothing,
    env: await fakeClock({ FAKETIME: "-1h" }),
    line: /^warning: the clock was set back by 3[56]\d\d s or more .*chrony/,
  },
  "a second conflist that comes first": {
    put: () => Deno.writeTextFile(`${n1.folder}/cni/00-other.conflist`, "{}"),
    take: () => Deno.remove(`${n1.folder}/cni/00-other.conflist`),
    line: /^error: 00-other\.conflist comes before 10-wigglenet\.conflist: .*CNI_CONFIG_PATH/,
  },
  "no CNI plugins": {
    put: async () => {
      for (const folder of folders) await n1.run(["mount", "-t", "tmpfs", "tmpfs", folder]);
    },
    take: async () => {
      for (const folder of folders) await n1.run(["umount", folder]);
    },
    line: /^error: CNI plugins are missing: ptp, host-local, portmap; apt-get install/,
  },
  "an nft that is too old": {
    put: () => wrapNft(`[ "$*" = --version ] && { echo 'nftables v0.9.8 (E.D.S.)'; exit 0; }`),
    take: unwrapNft,
    line: /^error: nft 0\.9\.8 is too old to read our table; install nftables 1\.0\.6/,
  },
  "a table that this nft cannot read": {
    put: async () => {
      await nft("add table ip newer")();
      await wrapNft(
        `case "$*" in *"list ruleset"|*"list table ip newer") echo 'netlink: unknown key' >&2; exit 1;; esac`,
      );
    },
    take: async () => {
      await unwrapNft();
      await nft("delete table ip newer")();
    },
    line:
      /^error: this nft cannot read table ip newer, which a newer one may have written: netlink: unknown key; install/,
  },
  "conntrack that is nearly full": {
    put: async () => {
      await Deno.writeTextFile(`${n1.folder}/max`, "1\n");
      await n1.run(["mount", "--bind", `${n1.folder}/max`, CONNTRACK_MAX]);
      await n1.ping("10.244.2.2"); // or nothing may be in it
    },
    take: () => n1.run(["umount", CONNTRACK_MAX]),
    line: /^warning: conntrack is nearly full, \d+ of 1: .*nf_conntrack_max=2/,
  },
  "br_netfilter": bridged(),
  ...(HAS_KERNEL_WIREGUARD ? {} : {
    "no WireGuard in the kernel": {
      put: nothing,
      take: nothing,
      settings: { "wireguard-mode": "kernel" },
      line: /^error: this kernel has no WireGuard; modprobe wireguard/,
    },
  }),
};

Deno.test("of a healthy node check prints one line", async () => {
  assert.match(await check(), WELL);
});

for (const [what, fault] of Object.entries(FAULTS)) {
  Deno.test(`check finds ${what}, and that it is gone`, { ignore: fault.ignore === true }, async () => {
    await fault.put();
    try {
      const { line } = fault;
      const isFound = (text: string) => text.split("\n").some((each) => line.test(each));
      let last = "";
      await until(`check to say ${line}`, async () => isFound(last = await check(fault)), {
        deadlineMs: 8_000,
        seen: () => last,
      });
    } finally {
      await fault.take();
    }
    let last = "";
    await until("check to say that all is well", async () => WELL.test(last = await check()), {
      deadlineMs: 15_000,
      seen: () => last,
    });
  });
}

Deno.test("check finds that this kernel has no flowtables, where they are asked for", {
  ignore: HAS_FLOWTABLE,
}, async () => {
  await n1.agent!.kill("SIGTERM");
  n1.startAgent({ settings: { "enable-flowtable": "true" } });
  await until("check to say it", async () => /^error: .*flowtable/m.test(await check()), {
    deadlineMs: 15_000,
  });
  await n1.agent!.kill("SIGTERM");
  n1.startAgent();
  await n1.inSync();
});

Deno.test("check finds tables of iptables-legacy, which stay when their rules are gone", async () => {
  await n1.run(["iptables-legacy", "-A", "FORWARD", "-j", "ACCEPT"]);
  assert.match(await check(), /^warning: iptables-legacy has tables for IPv4: .*iptables-legacy-save/m);
});
