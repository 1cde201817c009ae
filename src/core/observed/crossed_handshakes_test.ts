// Which peers are begun anew with, and how.

import assert from "node:assert/strict";
import { deafRenewalsOf, renewalsOf } from "./crossed_handshakes.ts";

const OWN = `${"M".repeat(43)}=`;
const LOWER = `${"A".repeat(43)}=`;
const HIGHER = `${"Z".repeat(43)}=`;

/** One peer's line. */
function line(
  {
    key = HIGHER,
    preshared = "(none)",
    endpoint = "192.0.2.2:24601",
    handshake = 0,
    received = 148,
    keepalive = "off",
  },
): string {
  return [key, preshared, endpoint, "10.244.2.0/24,192.0.2.2/32", handshake, received, 240, keepalive].join(
    "\t",
  );
}

function dumpOf(...lines: readonly string[]): string {
  return [["private", OWN, "24601", "off"].join("\t"), ...lines].join("\n");
}

const GREETED = new Set([LOWER, HIGHER]);

function renewals(...lines: readonly string[]): string[][] {
  return renewalsOf(dumpOf(...lines), GREETED);
}

Deno.test("A peer that has asked, and with which there is no session, is begun anew with, as it is", () => {
  assert.deepEqual(renewals(line({})), [[
    ...["peer", HIGHER, "remove"],
    ...["peer", HIGHER, "endpoint", "192.0.2.2:24601", "allowed-ips", "10.244.2.0/24,192.0.2.2/32"],
    ...["persistent-keepalive", "25", "peer", HIGHER, "persistent-keepalive", "off"],
  ]]);
});

Deno.test("A session that has heard a question and an answer, and nothing since, is begun anew: by the lower key, later by either", () => {
  const deaf = { handshake: 1_700_000_000, received: 240 };
  assert.deepEqual(renewals(line(deaf)), renewals(line({})));
  assert.deepEqual(renewals(line({ ...deaf, key: LOWER })), []);
  const later = (words: Parameters<typeof line>[0]) =>
    deafRenewalsOf(dumpOf(line(words)), GREETED).map(([, key]) => key);
  assert.deepEqual([later(deaf), later({ ...deaf, key: LOWER })], [[HIGHER], [LOWER]]);
  assert.deepEqual([later({ ...deaf, received: 272 }), later({}), later({ ...deaf, key: OWN })], [
    [],
    [],
    [],
  ]);
});

Deno.test("A peer with a preshared key is never made anew: it would stand without, for whoever has the private key alone", () => {
  const preshared = `${"P".repeat(43)}=`;
  const crossed = line({ preshared });
  const deaf = line({ preshared, handshake: 1_700_000_000, received: 240 });
  assert.deepEqual([renewals(crossed), renewals(deaf), deafRenewalsOf(dumpOf(deaf), GREETED)], [[], [], []]);
});

Deno.test("A keepalive stays what it is", () => {
  assert.deepEqual(renewals(line({ keepalive: "7" }))[0]!.slice(-2), ["persistent-keepalive", "7"]);
});

const left: Readonly<Record<string, string>> = {
  "the side of the higher key does nothing": line({ key: LOWER }),
  "a session stays": line({ handshake: 1_700_000_000 }),
  "who says nothing has not crossed": line({ received: 0 }),
  "without an endpoint nothing can be sent": line({ endpoint: "(none)" }),
  "who was not greeted is left alone": line({ key: `${"Q".repeat(43)}=` }),
};
for (const [what, text] of Object.entries(left)) {
  Deno.test(`Otherwise nothing is touched: ${what}`, () => assert.deepEqual(renewals(text), []));
}
