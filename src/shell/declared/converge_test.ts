import assert from "node:assert/strict";
import { standing } from "../../../test/declared/standing.ts";
import type { WantedInterface } from "../../core/declared/want/wanted_interface.ts";
import { converge } from "./converge.ts";
import type { DeclaredObserver } from "./observe_declared.ts";

/** Passes over one WireGuard interface where no key file can be made; whose files were complained of. */
async function complaints(secret: string | undefined): Promise<string[]> {
  const wanted: WantedInterface = {
    name: "wg1",
    owner: { kind: "WireGuardInterface", name: "a" },
    alias: "WireGuardInterface/a",
    mtuBytes: 1420,
    isUp: true,
    addresses: [],
    link: { kind: "wireguard", listenPort: undefined, keyName: "interface-a", secret, peers: [] },
  };
  // Somebody else's: nothing is done to it.
  const observed = standing({ name: "wg1", isOurs: false });
  const observer = { read: () => Promise.resolve(observed), confirmed: () => {} };
  const told: string[] = [];
  const { outcomes } = await converge({
    wanted: { interfaces: [wanted], rejected: [], refused: [] },
    unread: [],
    observer: observer as unknown as DeclaredObserver,
    implementation: "kernel",
    keyFolder: "/proc/nowhere/declared",
    resolved: new Map(),
    held: new Set(),
    onKeyError: (name) => told.push(name),
  });
  assert.deepEqual(outcomes, []);
  return told;
}

Deno.test("A key file that cannot be made is told where its key is used, and not where a Secret has the key", async () => {
  assert.deepEqual(await complaints(undefined), ["interface-a"]);
  assert.deepEqual(await complaints("own/private"), []);
});
