// Bad input on a machine with systemd: one clear line in `systemctl status`, and the mesh as it was.

import assert from "node:assert/strict";
import { Lab } from "../lab/lab.ts";
import { type Manifest, manifestOf } from "../lab/manifest.ts";
import { until } from "../lab/until.ts";
import { differences } from "../netns/state.ts";
import { BootedNode } from "./booted_node.ts";
import { PACKAGE } from "./packages.ts";

const FOLDER = "/etc/wigglenet/nodes.d";
const DROP_IN = "/etc/systemd/system/wigglenet.service.d";
const PEER_KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMjI=";

const OTHER_KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgOTk=";

const lab = await Lab.create({ nodes: 0 });
const node = await BootedNode.boot({ lab, manifest: manifestOf(1), suite: "trixie" });
Deno.test.afterAll(async () => {
  await node.close();
  await lab.close();
});

function withKey(manifest: Manifest, key: string): string {
  const annotations = { "wigglenet/public-key": key };
  return JSON.stringify({ ...manifest, metadata: { ...manifest.metadata, annotations } });
}

/** Writes a manifest in one step, as rsync and git do. */
async function publish(name: string, text: string): Promise<void> {
  await node.write(`/srv/${name}`, text);
  await node.run(["mv", `/srv/${name}`, FOLDER]);
}

/** What carries packets. */
async function dataPlane(): Promise<string> {
  const commands = [
    "nft -s list table inet wigglenet",
    "wg show wigglenet allowed-ips",
    "wg show wigglenet public-key",
  ];
  commands.push(
    "ip route show proto 146",
    "ip -6 route show proto 146",
    "cat /etc/cni/net.d/10-wigglenet.conflist",
  );
  return (await Promise.all(commands.map((line) => node.run(line.split(" "))))).join("\n");
}

async function restart(): Promise<void> {
  await node.run(["systemctl", "daemon-reload"]);
  await node.run(["systemctl", "--no-block", "restart", "wigglenet"]);
}

async function dropIn(text: string): Promise<void> {
  await node.run(["mkdir", "-p", DROP_IN]);
  await node.write(`${DROP_IN}/trouble.conf`, text);
  await restart();
}

async function withoutDropIn(): Promise<void> {
  await node.run(["rm", "-r", DROP_IN]);
  await restart();
}

/** What an operator sees: one line, and no other. */
async function statusSays(what: RegExp): Promise<void> {
  const status = async () => (await node.attempt(["systemctl", "status", "--no-pager", "wigglenet"])).stdout;
  await until(`systemctl status to say ${what}`, async () => {
    const lines = (await status()).split("\n").flatMap((line) => /^ +Status: "(.*)"$/.exec(line)?.[1] ?? []);
    return lines.length === 1 && what.test(lines[0]!);
  }, { pauseMs: 100, seen: () => node.diagnose() });
}

let own = "";
let ownKey = "";

Deno.test("a node with one peer is in sync", async () => {
  await node.install(PACKAGE);
  ownKey = (await node.run(["sh", "-c", "wg pubkey < /etc/wigglenet/private.key"])).trim();
  own = withKey(manifestOf(1), ownKey);
  await publish("n1.yaml", own);
  await publish("n2.yaml", withKey(manifestOf(2), PEER_KEY));
  await node.says(/^in sync, 1 peer$/);
});

Deno.test("an agent that hangs is started anew by systemd, one that lives is left alone, and the data plane is as it was", async () => {
  const before = await dataPlane();
  const pinged = () => node.property("wigglenet", "WatchdogTimestampMonotonic");
  await dropIn("[Service]\nWatchdogSec=6\nTimeoutAbortSec=1\n");
  await node.says(/^in sync, 1 peer$/);
  // Longer than the watchdog waits.
  for (let i = 0; i < 8; i++) {
    const last = await pinged();
    await until("a ping", async () => await pinged() !== last, { deadlineMs: 5_000 });
  }
  assert.equal(await node.property("wigglenet", "NRestarts"), "0");
  const hanging = await node.property("wigglenet", "MainPID");
  await node.run(["kill", "-STOP", hanging]);
  await until("systemd to end it", async () => await node.property("wigglenet", "NRestarts") === "1", {
    deadlineMs: 20_000,
    seen: () => node.diagnose(),
  });
  assert.equal(differences(before, await dataPlane()), "");
  await withoutDropIn();
  await node.says(/^in sync, 1 peer$/);
});

interface Trouble {
  readonly act: () => Promise<unknown>;
  /** What `systemctl status` says then. */
  readonly says: RegExp;
  readonly mend: () => Promise<unknown>;
}

const key = "/etc/wigglenet/private.key";
const sh = (line: string) => node.run(["sh", "-c", line]);

const TROUBLES: Readonly<Record<string, Trouble>> = {
  "the unit has no capabilities": {
    act: () => dropIn("[Service]\nCapabilityBoundingSet=\n"),
    says: /^CAP_NET_ADMIN is missing: run as root/,
    mend: withoutDropIn,
  },
  "the key's folder is read-only, and the key is lost": {
    act: async () => {
      // A running agent would have it back within a second.
      await sh(`systemctl stop wigglenet && mv ${key} /srv/private.key`);
      await dropIn("[Service]\nReadWritePaths=\nReadWritePaths=/etc/cni\n");
    },
    says: /cannot write the private key file \/etc\/wigglenet\/private\.key: Read-only file system/,
    mend: async () => {
      await sh(`mv /srv/private.key ${key}`);
      await withoutDropIn();
    },
  },
  "the key belongs to another user": {
    act: async () => {
      await sh(`chown 1000 ${key}`);
      await restart();
    },
    says: /cannot read the private key file .* Permission denied .*; chown root /,
    mend: async () => {
      await sh(`chown root ${key}`);
      await restart();
    },
  },
  "others may read the key": {
    act: () => sh(`chmod 644 ${key} && touch ${key}`),
    says: /others than its owner may read the private key file .*: chmod 600 /,
    mend: () => sh(`chmod 600 ${key} && touch ${key}`),
  },
  "the key file holds no key": {
    act: () => sh(`cp -p ${key} /srv/private.key && echo junk > ${key}`),
    says: /private\.key holds no WireGuard key: restore it/,
    mend: () => sh(`mv /srv/private.key ${key}`),
  },
  "a sync has emptied the folder": {
    act: () => sh(`mkdir /srv/kept && mv ${FOLDER}/* /srv/kept`),
    says: /no Node named n1 among 0; nothing is changed until then; look at \/etc\/wigglenet\/nodes\.d/,
    mend: () => sh(`mv /srv/kept/* ${FOLDER} && rmdir /srv/kept`),
  },
  "the folder is missing": {
    act: () => sh(`mv ${FOLDER} /srv/nodes.d`),
    says:
      /no Node named n1 among 0; nothing is changed .* cannot take in \/etc\/wigglenet\/nodes\.d: does not exist/,
    mend: () => sh(`mv /srv/nodes.d ${FOLDER}`),
  },
  "a manifest is broken": {
    act: () => publish("n2.yaml", "kind: Node\nmetadata: {name: n2"),
    says: /cannot take in \/etc\/wigglenet\/nodes\.d\/n2\.yaml/,
    mend: () => publish("n2.yaml", withKey(manifestOf(2), PEER_KEY)),
  },
  "another host has this one's name": {
    act: () => publish("n1.yaml", withKey(manifestOf(1), OTHER_KEY)),
    says: new RegExp(`waiting for peers for n1: Node n1 says the public key ${OTHER_KEY}, this host's is `),
    mend: () => publish("n1.yaml", own),
  },
  "another host has this one's key": {
    act: () => publish("n3.yaml", withKey({ ...manifestOf(3), spec: {} }, ownKey)),
    says: /rejected: n3: public key .*: n1 has the same key/,
    mend: () => sh(`rm ${FOLDER}/n3.yaml`),
  },
  "the key's disk is full, and the key is lost": {
    act: async () => {
      await sh("systemctl stop wigglenet && mount -t tmpfs -o size=64k,mode=755 tmpfs /mnt");
      await sh(`cp -a /etc/wigglenet/. /mnt && rm /mnt/${key.split("/").at(-1)}`);
      await sh("mount --bind /mnt /etc/wigglenet && umount /mnt");
      await sh("cat /dev/zero > /etc/wigglenet/full || true");
      await restart();
    },
    says: /cannot write the private key file \/etc\/wigglenet\/private\.key: No space left on device/,
    mend: async () => {
      await sh("umount /etc/wigglenet");
      await restart();
    },
  },
  "the disk is full": {
    act: async () => {
      await sh("mount -t tmpfs -o size=32k,mode=755 tmpfs /mnt && cp -a /run/wigglenet/. /mnt");
      await sh("mount --bind /mnt /run/wigglenet && umount /mnt");
      await sh("cat /dev/zero > /run/wigglenet/full || true");
      await restart();
    },
    says: /No space left on device/,
    mend: async () => {
      await sh("rm /run/wigglenet/full; umount /run/wigglenet");
      await restart();
    },
  },
};

for (const [what, { act, says, mend }] of Object.entries(TROUBLES)) {
  Deno.test(`${what}: systemctl status says so, and the data plane is as it was`, async () => {
    const before = await dataPlane();
    await act();
    try {
      await statusSays(says);
      assert.equal(differences(before, await dataPlane()), "");
    } finally {
      await mend();
    }
    await node.says(/^in sync, 1 peer$/);
    assert.equal(differences(before, await dataPlane()), "");
  });
}
