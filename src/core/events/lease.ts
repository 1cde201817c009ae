// The Lease of who speaks for others: when to take it, when to keep it. As client-go does, its age is what this node has
// seen of it by its own clock: clocks of two machines need not agree.

/** How long a Lease holds that nobody renews. */
const LEASE_SECONDS = 60;
const RENEW_MS = 20_000;

/** A Lease as the API server holds it. */
export interface Lease {
  readonly holder: string;
  readonly transitions: number;
  /** `metadata.resourceVersion`: changes with each renewal. */
  readonly version: string;
}

/** The Lease as this node last saw it. */
export interface SeenLease {
  readonly lease: Lease;
  /** When this version was first seen, by a clock that nobody sets. */
  readonly sinceMs: number;
}

/** Reads a coordination.k8s.io/v1 Lease; undefined for anything else. */
export function parseLease(json: unknown): Lease | undefined {
  const { metadata, spec } = fieldsOf(json);
  const { resourceVersion: version } = fieldsOf(metadata);
  const { holderIdentity, leaseTransitions } = fieldsOf(spec);
  if (typeof version !== "string") return undefined;
  return {
    version,
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    transitions: typeof leaseTransitions === "number" ? leaseTransitions : 0,
  };
}

function fieldsOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null ? json as Record<string, unknown> : {};
}

/** Takes in what was read just now. */
export function seeLease(last: SeenLease | undefined, lease: Lease, nowMs: number): SeenLease {
  return last?.lease.version === lease.version ? last : { lease, sinceMs: nowMs };
}

/** True while this node holds it. Ends before anybody else may take it. */
export function isHolder(seen: SeenLease | undefined, own: string, nowMs: number): boolean {
  return seen?.lease.holder === own && nowMs - seen.sinceMs < (LEASE_SECONDS - 10) * 1000;
}

/** What to do with a Lease that is wanted. */
export type LeaseMove = "nothing" | "renew" | "take";

/** Decides what to do with it. */
export function leaseMove({ lease, sinceMs }: SeenLease, own: string, nowMs: number): LeaseMove {
  const ageMs = nowMs - sinceMs;
  if (lease.holder === own) return ageMs >= RENEW_MS ? "renew" : "nothing";
  return lease.holder === "" || ageMs >= LEASE_SECONDS * 1000 ? "take" : "nothing";
}

/** Who wants which Lease. */
export interface LeaseWish {
  readonly namespace: string;
  readonly name: string;
  readonly own: string;
  /** Since 1970. */
  readonly nowMs: number;
}

/**
 * The Lease as this node wants it.
 * @param last what is there; undefined: nothing, and it is made
 */
export function leaseJson(
  { namespace, name, own, nowMs }: LeaseWish,
  last: Lease | undefined,
): Record<string, unknown> {
  const now = new Date(nowMs).toISOString().replace(/Z$/, "000Z");
  const isChange = last !== undefined && last.holder !== own;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name,
      namespace,
      ...(last === undefined ? {} : { resourceVersion: last.version }),
    },
    spec: {
      holderIdentity: own,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: (last?.transitions ?? 0) + Number(isChange),
    },
  };
}
