// What a transport is: how pods of this host reach those of another Node in one family. Adding one is a folder here and a line in
// transports.ts; whoever makes routes, rules and an MTU of it knows no transport by its name (docs/decisions/0055).

/** Names of transports, as TRANSPORT_IPV4 and `wigglenet/transport` say them. */
export const TRANSPORT_NAMES = ["wireguard", "native"] as const;
/** Name of a transport. */
export type TransportName = (typeof TRANSPORT_NAMES)[number];

/** A transport. */
export interface Transport {
  /** What packets travel in, of nodes that understand each other: those of one medium do. Undefined: somebody else routes. */
  readonly medium: "tunnel" | undefined;
}
