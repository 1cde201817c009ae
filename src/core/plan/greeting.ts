// What begins a handshake with a peer that is there, as arguments of `wg set NAME`.

/** A keepalive that is turned on sends a packet at once; the same command leaves the peer with the one that it is to have. */
export function greetingOf(publicKey: string, keepaliveSeconds: number): string[] {
  const values = keepaliveSeconds === 0 ? ["25", "off"] : ["off", String(keepaliveSeconds)];
  return values.flatMap((value) => ["peer", publicKey, "persistent-keepalive", value]);
}
