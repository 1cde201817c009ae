// An interface that is there: its alias, MTU, state and addresses. Each family of addresses is a part of its own: the kernel may
// have one of them switched off.

import { type Change, type Part, STAGE, type Step } from "../../plan/plan.ts";
import type { ObservedInterface } from "../observed/observed_interfaces.ts";
import type { WantedInterface } from "../want/wanted_interface.ts";

/** What fails of an interface, or of a piece of it, costs no other anything. */
export function partOf(name: string, piece = ""): Part {
  return `declared ${name}${piece === "" ? "" : ` ${piece}`}`;
}

/** The interface that a part is of; undefined: of none that is declared. */
export function interfaceOf(part: string): string | undefined {
  const [head, name] = part.split(" ");
  return head === "declared" ? name : undefined;
}

/**
 * Steps for what every kind has.
 * @param has undefined: it is about to be made
 */
export function configureInterface(wanted: WantedInterface, has: ObservedInterface | undefined): Step[] {
  return [...configureLink(wanted, has), ...configureAddresses(wanted, has)];
}

function configureLink(
  { name, alias, mtuBytes, isUp, link }: WantedInterface,
  has: ObservedInterface | undefined,
): Step[] {
  const words: string[] = [];
  const reasons: string[] = [];
  if (has?.alias !== alias) {
    words.push(`alias ${alias}`);
    if (has !== undefined) reasons.push(has.alias === "" ? "it has no alias" : `its alias is ${has.alias}`);
  }
  if (mtuBytes !== undefined && has?.mtuBytes !== mtuBytes) {
    words.push(`mtu ${mtuBytes}`);
    if (has !== undefined) reasons.push(`its mtu is ${has.mtuBytes}`);
  }
  if ((has?.isUp ?? false) !== isUp) {
    words.push(isUp ? "up" : "down");
    if (has !== undefined) reasons.push(`it is ${has.isUp ? "up" : "down"}`);
  }
  if (words.length === 0) return [];
  return [{
    part: partOf(name),
    stage: STAGE.up,
    needs: link.kind === "veth" ? [partOf(link.other)] : [],
    changes: [{
      op: "~",
      kind: "interface",
      target: name,
      text: words.join(", "),
      reason: has === undefined ? "new" : reasons.join(", "),
    }],
    actions: [{
      kind: "run",
      program: "ip",
      args: ["-batch"],
      input: `link set dev ${name} ${words.join(" ")}\n`,
    }],
  }];
}

const NONE: ReadonlySet<string> = new Set();

function configureAddresses(
  { name, addresses }: WantedInterface,
  has: ObservedInterface | undefined,
): Step[] {
  const found = has?.addresses ?? new Set<string>();
  const wanted = new Set(addresses.map(({ text }) => text));
  return ([4, 6] as const).flatMap((family): Step[] => {
    const isOfFamily = (text: string) => text.includes(":") === (family === 6);
    const added = [...wanted.difference(found).difference(has?.given ?? NONE)].filter(isOfFamily);
    const gone = [...found.difference(wanted)].filter(isOfFamily).sort();
    if (added.length + gone.length === 0) return [];
    const change = (op: Change["op"], text: string, reason: string): Change => ({
      op,
      kind: "address",
      target: name,
      text,
      reason,
    });
    // First what goes: an address with another peer or length is another entry, and with the first one of a network the kernel
    // would take those that came behind it.
    const lines = [
      ...gone.map((text) => `address del ${text} dev ${name}\n`),
      ...added.map((text) => `address add ${text} dev ${name}\n`),
    ];
    return [{
      part: partOf(name, `v${family}`),
      stage: STAGE.configure,
      needs: [partOf(name)],
      changes: [
        ...gone.map((text) => change("-", text, "not wanted")),
        ...added.map((text) => change("+", text, "missing")),
      ],
      // One that the kernel refuses keeps no other out.
      actions: [{ kind: "run", program: "ip", args: ["-force", "-batch"], input: lines.join("") }],
    }];
  });
}
