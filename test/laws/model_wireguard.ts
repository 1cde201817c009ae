// WireGuard's own state in the model host: a peer for each key, an allowed IP of one peer only.

import { OWN_KEY } from "./clusters.ts";
import { Refused } from "./refused.ts";

/** A peer as the interface has it. */
export interface ModelPeer {
  endpoint: string | undefined;
  allowedIps: Set<string>;
  keepalive: string;
  hasPresharedKey: boolean;
}

/** One interface. Its key file holds {@link OWN_KEY}. */
export class ModelWireguard {
  publicKey = "(none)";
  port = 40_000;
  mark = "off";
  readonly peers = new Map<string, ModelPeer>();

  /** `wg set NAME ...`: a key that is not there yet becomes a peer, as wg does it. */
  set(args: readonly string[]): void {
    const words = [...args];
    let key: string | undefined;
    while (words.length > 0) {
      const word = words.shift()!;
      if (word === "peer") this.#peer(key = words.shift()!);
      else if (word === "remove" && key !== undefined) this.peers.delete(key);
      else this.#assign(key, word, words.shift() ?? "");
    }
    this.peers.delete(this.publicKey);
  }

  #assign(key: string | undefined, word: string, value: string): void {
    const peer = key === undefined ? undefined : this.#peer(key);
    if (peer === undefined) {
      if (word === "listen-port") this.port = Number(value);
      else if (word === "fwmark" && value === "0") this.mark = "off";
      else if (word === "private-key") this.publicKey = value === "/dev/null" ? "(none)" : OWN_KEY;
      else throw new Refused(`unknown: wg set ${word}`);
    } else if (word === "persistent-keepalive") peer.keepalive = value;
    else if (word === "endpoint") peer.endpoint = value;
    else if (word === "preshared-key" && value === "/dev/null") peer.hasPresharedKey = false;
    else if (word === "allowed-ips") this.#allowOnly(key!, value);
    else throw new Refused(`unknown: wg set peer ${word}`);
  }

  #allowOnly(key: string, prefixes: string): void {
    this.#peer(key).allowedIps.clear();
    for (const prefix of prefixes.split(",").filter((text) => text !== "")) this.#allow(key, prefix);
  }

  #peer(key: string): ModelPeer {
    let peer = this.peers.get(key);
    if (peer === undefined) {
      peer = { endpoint: undefined, allowedIps: new Set(), keepalive: "off", hasPresharedKey: false };
      this.peers.set(key, peer);
    }
    return peer;
  }

  /** `wg addconf`: replaces the allowed IPs of the peers that it names. */
  addConfiguration(text: string): void {
    let key = "";
    for (const line of text.split("\n").filter((line) => line !== "" && !line.startsWith("# "))) {
      const [word, value = ""] = line.split(" = ");
      if (word === "PublicKey") this.#peer(key = value).allowedIps.clear();
      else if (word === "AllowedIPs") value.split(",").forEach((prefix) => this.#allow(key, prefix));
      else if (word === "Endpoint") this.#peer(key).endpoint = value;
      else if (word === "PersistentKeepalive") this.#peer(key).keepalive = value;
      else if (line !== "[Peer]") throw new Refused(`unknown: ${line}`);
    }
    this.peers.delete(this.publicKey);
  }

  #allow(key: string, prefix: string): void {
    for (const peer of this.peers.values()) peer.allowedIps.delete(prefix);
    this.#peer(key).allowedIps.add(prefix);
  }

  /** What `wg show NAME dump` prints. */
  dump(): string {
    const peers = [...this.peers].map(([key, { endpoint, allowedIps, keepalive, hasPresharedKey }]) =>
      [
        key,
        hasPresharedKey ? "SECRET" : "(none)",
        endpoint ?? "(none)",
        [...allowedIps].toReversed().join(",") || "(none)",
        ...[0, 0, 0, keepalive],
      ].join("\t")
    );
    return [["SECRET", this.publicKey, this.port, this.mark].join("\t"), ...peers, ""].join("\n");
  }
}
