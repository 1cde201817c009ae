// Installed and removed on a machine whose systemd does not run, as in a container or an image that is being made: by the package
// and by install.sh. The agent is started by hand, and the machine is as it was in the end.

import assert from "node:assert/strict";
import { HOST_ARCHITECTURE } from "../../deploy/image/runtime_binary.ts";
import { PACKAGES } from "../../deploy/package/deb.ts";
import { Lab } from "../lab/lab.ts";
import { addressesOf, manifestOf } from "../lab/manifest.ts";
import { attempt, type Output, run, type RunOptions } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { differences } from "../netns/state.ts";
import { rootOf } from "./debian_root.ts";
import { footprintOf } from "./footprint.ts";
import { PACKAGE } from "./packages.ts";

const INSTALLER = new URL("../../deploy/install.sh", import.meta.url).pathname;
const TREE = `${PACKAGES}root-${HOST_ARCHITECTURE}`;
const LONG = { deadlineMs: 120_000 };

/** Debian's files in a network of its own; nothing runs. */
class Machine implements AsyncDisposable {
  private constructor(private readonly lab: Lab, private readonly enter: readonly string[]) {}

  static async make(): Promise<Machine> {
    const lab = await Lab.create({ nodes: 0 });
    const host = await lab.addHost("n1", addressesOf(manifestOf(1)), { hasOwnMounts: true });
    const folder = `${lab.folder}/n1`;
    const root = `${folder}/root`;
    const layers = `lowerdir=${rootOf("trixie")},upperdir=${folder}/upper,workdir=${folder}/work`;
    const lines = [
      `mkdir -p ${folder}/upper ${folder}/work ${root}`,
      `mount -t overlay -o ${layers} overlay ${root}`,
    ];
    for (const part of ["proc", "sys", "dev", "run"]) lines.push(`mount --rbind /${part} ${root}/${part}`);
    lines.push(`cp -r ${PACKAGE} ${TREE} ${INSTALLER} ${root}/srv`);
    await host.run(["sh", "-ec", lines.join("\n")], LONG);
    return new Machine(lab, host.argv(["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]));
  }

  attempt(argv: readonly string[], options?: RunOptions): Promise<Output> {
    return attempt([...this.enter, ...argv], options);
  }

  run(argv: readonly string[], options?: RunOptions): Promise<string> {
    return run([...this.enter, ...argv], options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lab.close();
  }
}

/** The agent's whole life on it: what it makes stays behind. */
async function live(machine: Machine): Promise<void> {
  const manifest = "/etc/wigglenet/nodes.d/*.yaml";
  await machine.run(["sh", "-c", `sed -i 's|podCIDRs: .*|podCIDRs: ["10.244.1.0/24"]|' ${manifest}`]);
  const settings = "NODE_NAME=$(uname -n | cut -d. -f1) WIGGLENET_NODES=/etc/wigglenet/nodes.d";
  await machine.run([
    "sh",
    "-c",
    `${settings} setsid wigglenet run > /run/agent.log 2>&1 & echo $! > /run/agent.pid`,
  ]);
  await until("the agent to be in sync", async () => {
    return (await machine.attempt(["wigglenet", "status"])).stdout.includes(": in sync");
  }, { seen: async () => (await machine.attempt(["cat", "/run/agent.log"])).stdout });
  await machine.run(["sh", "-c", "kill $(cat /run/agent.pid)"]);
  await until("the agent to end", async () => (await machine.attempt(["wigglenet", "status"])).code !== 0);
  await machine.run(["rm", "/run/agent.log", "/run/agent.pid"]);
  await machine.run(["nft", "list", "table", "inet", "wigglenet"]);
}

const isKept = (line: string) => / \/etc\/wigglenet\b| \.\/wigglenet\//.test(line);

interface Way {
  readonly install: readonly string[];
  readonly remove: readonly string[];
  readonly purge: readonly string[];
  /** What is to be purged is installed; otherwise it was removed before. */
  readonly isPurgedInstalled: boolean;
}

const WAYS: Readonly<Record<string, Way>> = {
  "the package": {
    install: ["dpkg", "--install", `/srv/${PACKAGE.slice(PACKAGES.length)}`],
    remove: ["dpkg", "--remove", "wigglenet"],
    purge: ["dpkg", "--purge", "wigglenet"],
    isPurgedInstalled: false,
  },
  "install.sh": {
    install: ["/srv/install.sh", `/srv/root-${HOST_ARCHITECTURE}`],
    remove: ["/srv/install.sh", "--remove"],
    purge: ["/srv/install.sh", "--remove", "--purge"],
    isPurgedInstalled: true,
  },
};

for (const [what, { install, remove, purge, isPurgedInstalled }] of Object.entries(WAYS)) {
  Deno.test(`${what} installs an agent that works, and leaves nothing but key, manifests and settings, then nothing`, async () => {
    await using machine = await Machine.make();
    // As a router that advertises itself leaves it.
    await machine.run("ip -6 route add default via fd09::fe dev eth0 proto ra metric 2048".split(" "));
    const before = await footprintOf(machine);
    await machine.run(install, LONG);
    const sysctls = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.eth0.accept_ra"];
    assert.equal(await machine.run(["sysctl", "-n", ...sysctls]), "1\n1\n2\n");
    await machine.run(["test", "-L", "/etc/systemd/system/multi-user.target.wants/wigglenet.service"]);
    await live(machine);
    await machine.run(remove, LONG);
    const left = differences(before, await footprintOf(machine)).split("\n");
    assert.deepEqual(left.filter((line) => !isKept(line)), []);
    const key = await machine.run(["cat", "/etc/wigglenet/private.key"]);
    if (isPurgedInstalled) {
      await machine.run(install, LONG);
      assert.equal(await machine.run(["cat", "/etc/wigglenet/private.key"]), key);
    }
    await machine.run(purge, LONG);
    assert.equal(differences(before, await footprintOf(machine)), "");
  });
}

Deno.test("install.sh says what is missing before it changes anything", async () => {
  await using machine = await Machine.make();
  const before = await footprintOf(machine);
  for (
    const [argv, says] of [
      [[], /give the folder that deno task deb built/],
      [["/srv"], /is not what deno task deb built/],
      [["--remove"], /nothing of install\.sh is here/],
    ] as const
  ) {
    const { code, stderr } = await machine.attempt(["/srv/install.sh", ...argv]);
    assert.equal(code, 1);
    assert.match(stderr, says);
  }
  assert.equal(differences(before, await footprintOf(machine)), "");
});
