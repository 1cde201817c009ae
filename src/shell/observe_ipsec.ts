// Reads what the kernel's XFRM has of ours, never with its keys, and tells others that they can send.

import type { DesiredState } from "../core/desired/desired_state.ts";
import type { Family } from "../core/net/address.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import type { Greeted } from "../core/plan/plan.ts";
import { GREETING_PORT } from "../core/transport/ipsec/names.ts";
import type { Standing } from "../core/transport/ipsec/rollover.ts";
import { parseAssociations, parsePolicies, parseUnchecked } from "../core/transport/ipsec/xfrm_text.ts";
import { CommandError, locate, run } from "./command.ts";
import { patientSeconds, retiredPlaces, usedPlaces } from "./ipsec_nonce.ts";
import { LastReading } from "./last_reading.ts";
import { observeLink } from "./observe.ts";

/** What a kernel without XFRM says. */
const LACKING = /Protocol not supported|Operation not supported/;

/** Nothing is asked where IPsec is neither wanted nor there. */
export async function observeIpsec({ ipsec }: DesiredState): Promise<Pick<ObservedState, "ipsec">> {
  if (ipsec.link === undefined && !ipsec.isStanding) return { ipsec: undefined };
  const link = await observeLink(ipsec.name);
  const policies = await unlessLacking(POLICIES, ["xfrm", "policy", "list"], new Map());
  const unchecked = link === undefined ? [] : await readUnchecked(ipsec.name);
  return { ipsec: { link, policies, unchecked, ...await readStanding() } };
}

/** Associations alone, of which no monitor tells; all of it where nobody has looked yet. */
export async function observeAssociations(
  desired: DesiredState,
  { ipsec }: Pick<ObservedState, "ipsec">,
): Promise<Pick<ObservedState, "ipsec">> {
  return ipsec === undefined ? await observeIpsec(desired) : { ipsec: { ...ipsec, ...await readStanding() } };
}

async function readStanding(): Promise<Standing> {
  const associations = await unlessLacking(ASSOCIATIONS, ["-s", "xfrm", "state", "list", "nokeys"], []);
  const known = { used: usedPlaces(), retired: retiredPlaces(), patientSeconds: patientSeconds() };
  return { associations, ...known, wallSeconds: Date.now() / 1000 };
}

/** By a program, for /proc may not be read as shipped; with slashes, for a name may have a dot in it. Where there is none nobody knows. */
async function readUnchecked(name: string): Promise<string[]> {
  if (locate("sysctl") === undefined) return [];
  const names = ["ipv4", "ipv6"].flatMap((family) =>
    ["all", name].map((conf) => `net/${family}/conf/${conf}/disable_policy`)
  );
  return parseUnchecked(await run({ program: "sysctl", args: ["-e", ...names] }).catch(() => ""));
}

const ASSOCIATIONS = new LastReading(parseAssociations);
/** Of a thousand nodes a megabyte, and the same each time. */
const POLICIES = new LastReading(parsePolicies);

/** Where there is no XFRM there is nothing of it; that it cannot be made its own command tells. */
async function unlessLacking<T extends object>(
  reading: LastReading<T>,
  args: readonly string[],
  nothing: T,
): Promise<T> {
  return await reading.read({ program: "ip", args }).catch((error) => {
    if (error instanceof CommandError && LACKING.test(error.stderr)) return nothing;
    throw error;
  });
}

/** The port of nobody: what answers there is the kernel, which says that nobody listens, by what it sends by. */
const DISCARD_PORT = 9;

const ANY: Readonly<Record<Family, string>> = { 4: "0.0.0.0", 6: "::" };

/** One datagram by what only greets, one by what pods are sent to by. Who does not hear, or cannot be sent to, is told in the next pass. */
export async function greetByIpsec(greeted: readonly Greeted[]): Promise<void> {
  for (const family of [4, 6] as const) {
    const addresses = greeted.filter(({ address }) => address.includes(":") === (family === 6));
    if (addresses.length > 0) await greet(ANY[family], addresses).catch(() => {});
  }
}

async function greet(hostname: string, addresses: readonly Greeted[]): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  for (const { address } of addresses) {
    for (const port of [GREETING_PORT, DISCARD_PORT]) {
      // The kernel may say that nobody listened to the last one, or that there is no way: both are no news.
      await socket.send(new Uint8Array(1), { transport: "udp", hostname: address, port }).catch(() => {});
    }
  }
  socket.close();
}
