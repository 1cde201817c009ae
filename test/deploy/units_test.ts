// The units of deploy/systemd and the package around them, as far as it can be seen without a systemd that runs; test/booted
// boots them.

import assert from "node:assert/strict";
import { CAPABILITIES } from "../../deploy/image/confine.ts";
import { controlFiles } from "../../deploy/package/control.ts";
import { bridgeInterface } from "../../src/core/bridge/names.ts";
import { STUCK_SECONDS } from "../../src/core/metrics/health.ts";
import { cniTarget } from "../../src/core/plan/diff_cni.ts";
import { nextInterface } from "../../src/core/rotation/names.ts";
import { ALLOCATOR } from "../../src/core/shipped/flags.ts";
import { SETTINGS } from "../../src/core/settings/settings.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url).pathname;
const UNITS = ["wigglenet.service", "wigglenet-wireguard-go@.service", "wigglenet-guard.service"];
const MOST_EXPOSED = 3.0;

const read = (path: string) => Deno.readTextFileSync(`${DEPLOY}${path}`);

/** All values of a key. */
function values(unit: string, key: string): string[] {
  const lines = read(`systemd/${unit}`).split("\n").filter((line) => line.startsWith(`${key}=`));
  return lines.map((line) => line.slice(key.length + 1));
}

const analyze = "/usr/bin/systemd-analyze";
const hasAnalyze = await Deno.stat(analyze).then(() => true, () => false);
if (!hasAnalyze) console.log(`Not here, so no unit is rated: ${analyze} (package systemd)`);

for (const unit of UNITS) {
  Deno.test({
    name: `${unit} is exposed to ${MOST_EXPOSED} at most, of 10`,
    ignore: !hasAnalyze,
    fn: async () => {
      const args = ["security", "--offline=true", "--no-pager", `--threshold=${MOST_EXPOSED * 10}`];
      const command = new Deno.Command(analyze, { args: [...args, `${DEPLOY}systemd/${unit}`] });
      const { code, stdout, stderr } = await command.output();
      assert.equal(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
    },
  });
}

Deno.test("the agent's unit has its capabilities, its allocator and no core dumps, and its watchdog waits as probes do", () => {
  const [unit] = UNITS as [string];
  const wanted = CAPABILITIES.map((name) => `CAP_${name.toUpperCase()}`).join(" ");
  assert.deepEqual(values(unit, "CapabilityBoundingSet"), [wanted]);
  const allocator = Object.entries(ALLOCATOR).map(([name, value]) => `${name}=${value}`).join(" ");
  assert.ok(values(unit, "Environment").includes(allocator));
  assert.deepEqual(values(unit, "LimitCORE"), ["0"]);
  assert.deepEqual(values(unit, "WatchdogSec"), [String(STUCK_SECONDS)]);
});

Deno.test("the guard makes the link that the agent would make, at the same path", () => {
  const path = SETTINGS.cniConfigPath.fallback;
  assert.deepEqual(values("wigglenet-guard.service", "ExecStart"), [
    `/bin/ln -sfn ${cniTarget(path)} ${path}`,
  ]);
  assert.deepEqual(values("wigglenet-guard.service", "ConditionPathIsSymbolicLink"), [`!${path}`]);
});

Deno.test("systemd-networkd and NetworkManager are told of our interface, of the second one of a key rotation, and of the bridge", () => {
  const name = SETTINGS.interfaceName.fallback;
  const [second, bridge] = [nextInterface(name), bridgeInterface(name)];
  assert.match(
    read("systemd/networkd.network"),
    new RegExp(`^Name=${name} ${second} ${bridge}$[^]*^Unmanaged=yes$`, "m"),
  );
  assert.match(
    read("systemd/networkmanager.conf"),
    new RegExp(
      `^match-device=interface-name:${name};interface-name:${second};interface-name:${bridge}$[^]*^managed=0$`,
      "m",
    ),
  );
});

Deno.test("what runs on hosts is plain sh, and install.sh is a page", async () => {
  for (const path of ["install.sh", "package/setup"]) {
    const { code, stderr } = await new Deno.Command("sh", { args: ["-n", `${DEPLOY}${path}`] }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }
  assert.ok(read("install.sh").split("\n").length <= 75);
});

Deno.test("the package says its version, its machine and what it needs, and dpkg asks before it replaces settings", () => {
  const { control, conffiles, prerm } = controlFiles({
    version: "1.2.3",
    architecture: "arm64",
    bytes: 2_049,
  });
  assert.match(control!, /^Version: 1\.2\.3\nArchitecture: arm64$/m);
  assert.match(control!, /^Installed-Size: 3$/m);
  for (const name of ["iproute2", "nftables (>= 1.0.6)", "wireguard-tools"]) {
    assert.ok(control!.includes(name), name);
  }
  assert.equal(conffiles, "/etc/wigglenet/wigglenet.env\n");
  assert.doesNotMatch(prerm!, /upgrade/); // an update takes nothing away
});
