// Declared networks of a host as `wigglenet status` shows them.

import { handshakeText } from "../../observed/handshake_text.ts";
import type { DeclaredReport, InterfaceReport, PeerReport } from "./report.ts";

/** A line for each interface, each peer, and whatever is not there. */
export function describeDeclared({ objects, interfaces }: DeclaredReport, nowSeconds: number): string[] {
  const count = objects.filter(({ troubles }) => troubles.length > 0).length;
  return [
    `declared networks: ${objects.length} objects${count === 0 ? "" : `, ${count} not ready`}`,
    ...interfaces.flatMap((it) => [
      `  ${it.name} ${it.type} ${it.state}${it.container === undefined ? "" : ` in ${it.container}`}${
        detailsOf(it)
      } (${it.owner.kind} ${it.owner.name})`,
      ...it.peers.map((peer) =>
        `    ${peer.node} ${peer.endpoint ?? "(no endpoint)"} ${handshakeOf(peer, nowSeconds)}`
      ),
    ]),
    ...objects.flatMap(({ kind, name, troubles }) =>
      troubles.map(({ reason, message }) => `  ! ${kind} ${name}: ${reason}: ${message}`)
    ),
  ];
}

function detailsOf({ listenPort, mtuBytes, addresses }: InterfaceReport): string {
  return [
    ...(listenPort === undefined ? [] : [`port ${listenPort}`]),
    ...(mtuBytes === undefined ? [] : [`mtu ${mtuBytes}`]),
    ...addresses,
  ].map((text) => `, ${text}`).join("");
}

function handshakeOf({ publicKey, handshakeSeconds }: PeerReport, nowSeconds: number): string {
  if (publicKey === undefined) return "waits for its public key";
  return handshakeText(handshakeSeconds, nowSeconds);
}
