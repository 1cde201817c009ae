// What an expression may use: the variables, Kubernetes' functions for addresses and CIDRs, and `subnet`.
// k8s.io/apiserver 0.34, pkg/cel/library ip.go and cidr.go, is what the functions must agree with, messages apart.

import { contains, containsAddress, subnetOf } from "../net/prefix.ts";
import { type Refusal, refused } from "../net/refusal.ts";
import type { CelEnvironment, CelLibrary } from "./cel_library.ts";
import {
  CidrValue,
  IpValue,
  isGlobalUnicast,
  isLinkLocalMulticast,
  isLinkLocalUnicast,
  isLoopback,
  isUnspecified,
  parseCidr,
  parseIp,
} from "./net_values.ts";

/** Of one expression; what it may do is bounded by meter.ts. */
const LIMITS = { maxAstNodes: 2_000, maxDepth: 64, maxListElements: 256, maxMapEntries: 256 };

/** The variable `node`. */
export class NodeValue {
  constructor(
    readonly name: string,
    readonly labels: ReadonlyMap<string, string>,
    readonly annotations: ReadonlyMap<string, string>,
  ) {}
}

/** Carries the function `ip.isCanonical`, which CEL reads as a method of a variable. */
class IpFunctions {}

const PREDICATES = { isUnspecified, isLoopback, isLinkLocalMulticast, isLinkLocalUnicast, isGlobalUnicast };

/** An environment for expressions that give pod CIDRs. */
export function podCidrEnvironment(cel: CelLibrary): CelEnvironment {
  const environment = new cel.Environment({ limits: LIMITS })
    .registerType("net.IP", { ctor: IpValue, fields: {} })
    .registerType("net.CIDR", { ctor: CidrValue, fields: {} })
    .registerType("net.IPFunctions", { ctor: IpFunctions, fields: {} })
    .registerType("Node", {
      ctor: NodeValue,
      fields: { name: "string", labels: "map<string, string>", annotations: "map<string, string>" },
    })
    .registerConstant("ip", "net.IPFunctions", new IpFunctions())
    .registerVariable("interfaces", "map<string, list<net.CIDR>>")
    .registerVariable("node", "Node");
  const orThrow = <T>(value: T | Refusal): T => {
    if (!refused(value)) return value as T;
    throw new cel.EvaluationError({ code: "net", message: value.reason });
  };
  registerIp(environment, (text) => orThrow(parseIp(text)));
  registerCidr(environment, {
    ip: (text) => orThrow(parseIp(text)),
    cidr: (text) => orThrow(parseCidr(text)),
  });
  environment.registerFunction(
    "net.CIDR.subnet(int, int): net.CIDR",
    ({ prefix }: CidrValue, length: bigint, index: bigint) =>
      CidrValue.of(orThrow(subnetOf(prefix, length, index))),
  );
  // `type(x) == net.IP` compares with these.
  const types = {
    IP: environment.evaluate(`type(ip("::"))`),
    CIDR: environment.evaluate(`type(cidr("::/0"))`),
  };
  return environment.registerConstant("net", "map<string, type>", types);
}

type Read<T> = (text: string) => T;

function registerIp(environment: CelEnvironment, read: Read<IpValue>): void {
  environment
    .registerFunction("ip(string): net.IP", read)
    .registerFunction("isIP(string): bool", (text: string) => !refused(parseIp(text)))
    .registerFunction(
      "net.IPFunctions.isCanonical(string): bool",
      (_: IpFunctions, text: string) => read(text).text === text,
    )
    .registerFunction("string(net.IP): string", ({ text }: IpValue) => text)
    .registerFunction("net.IP.family(): int", ({ address }: IpValue) => BigInt(address.family))
    .registerOperator("net.IP == net.IP", (a: IpValue, b: IpValue) => a.text === b.text);
  for (const [name, holds] of Object.entries(PREDICATES)) {
    environment.registerFunction(`net.IP.${name}(): bool`, ({ address }: IpValue) => holds(address));
  }
}

function registerCidr(
  environment: CelEnvironment,
  read: { readonly ip: Read<IpValue>; readonly cidr: Read<CidrValue> },
): void {
  const containsIp = (outer: CidrValue, { address }: IpValue) => containsAddress(outer.prefix, address);
  const containsCidr = (outer: CidrValue, inner: CidrValue) => contains(outer.prefix, inner.prefix);
  environment
    .registerFunction("cidr(string): net.CIDR", read.cidr)
    .registerFunction("isCIDR(string): bool", (text: string) => !refused(parseCidr(text)))
    .registerFunction("string(net.CIDR): string", ({ text }: CidrValue) => text)
    .registerFunction("net.CIDR.ip(): net.IP", ({ address }: CidrValue) => new IpValue(address))
    .registerFunction("net.CIDR.prefixLength(): int", ({ length }: CidrValue) => BigInt(length))
    .registerFunction("net.CIDR.masked(): net.CIDR", ({ prefix }: CidrValue) => CidrValue.of(prefix))
    .registerFunction("net.CIDR.containsIP(net.IP): bool", containsIp)
    .registerFunction(
      "net.CIDR.containsIP(string): bool",
      (outer: CidrValue, text: string) => containsIp(outer, read.ip(text)),
    )
    .registerFunction("net.CIDR.containsCIDR(net.CIDR): bool", containsCidr)
    .registerFunction(
      "net.CIDR.containsCIDR(string): bool",
      (outer: CidrValue, text: string) => containsCidr(outer, read.cidr(text)),
    )
    .registerOperator("net.CIDR == net.CIDR", (a: CidrValue, b: CidrValue) => a.text === b.text);
}
