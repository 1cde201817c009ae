// An interface that is there: its alias, MTU, state and addresses. Each family of addresses is a part of its own: the kernel may
// have one of them switched off.

import { renewAddresses } from "../../plan/diff_addresses.ts";
import { type Part, STAGE, type Step } from "../../plan/plan.ts";
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
    // A line each: an MTU that the kernel refuses costs neither the alias, by which it is spared, nor that it is up.
    actions: [{
      kind: "run",
      program: "ip",
      args: ["-force", "-batch"],
      input: words.map((it) => `link set dev ${name} ${it}\n`).join(""),
    }],
  }];
}

function configureAddresses(
  { name, addresses }: WantedInterface,
  has: ObservedInterface | undefined,
): Step[] {
  const wanted = addresses.map(({ text }) => text).filter((text) => !has?.given.has(text));
  return renewAddresses({ name, wanted, found: has?.addresses }, (family) => ({
    part: partOf(name, `v${family}`),
    stage: STAGE.configure,
    needs: [partOf(name)],
  }));
}
