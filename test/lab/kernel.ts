// What the kernel under the laboratory can do.

/**
 * True when it makes WireGuard interfaces: then the agent uses those, and a test of wireguard-go has nothing to look at.
 * Found by trying, in the laboratory's own namespace.
 */
export const HAS_KERNEL_WIREGUARD: boolean = canMake("wireguard");

/** True when it makes dummy interfaces: one without modules may know bridges, VXLANs and veths only. */
export const HAS_DUMMY: boolean = canMake("dummy");

/** True when it encrypts by IPsec: it has XFRM, ESP and interfaces of it. */
export const HAS_XFRM: boolean = canMake("xfrm", "if_id", "1");

function canMake(...type: readonly string[]): boolean {
  const ip = (...args: string[]) => new Deno.Command("ip", { args, stderr: "null" }).outputSync().success;
  return ip("link", "add", "dev", "probe0", "type", ...type) && ip("link", "del", "dev", "probe0");
}

/** True when it makes GRE interfaces that wrap by routes, between addresses of both families. */
export const HAS_GRE: boolean = canMake("gre", "external") && canMake("ip6gre", "external");

/** True when it knows flowtables (nf_flow_table_inet): loading one is the only way to tell. */
export const HAS_FLOWTABLE: boolean = new Deno.Command("nft", {
  args: ["-c", "add table inet probe0; add flowtable inet probe0 f { hook ingress priority 0; }"],
  stderr: "null",
}).outputSync().success;

/** True when rules can tell bridges apart (nft_meta_bridge, Linux 5.3): by loading one that asks. */
export const HAS_BRIDGE_META: boolean = new Deno.Command("nft", {
  args: ["-c", "add table bridge probe0; add chain bridge probe0 c; add rule bridge probe0 c meta ibrname x"],
  stderr: "null",
}).outputSync().success;

/** True when IPVS is there (modprobe ip_vs): its module makes this file in each network namespace. */
export const HAS_IPVS: boolean = isThere("/proc/net/ip_vs");

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
