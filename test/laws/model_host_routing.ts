// Rules of our protocol number and the routes of our table in one family of the model host.

import { Refused } from "./refused.ts";

const LINE = /^(rule|route) (add|replace|del) (.*?)( table 146)?$/;
const RULE = /^rule pref (\d+) fwmark (\S+)\/(\S+) lookup (\d+) protocol (\d+)$/;
const ROUTE = /^route (unreachable )?(\S+)(?: dev (\S+))? proto (\d+)(?: metric (\d+))?$/;

/** True for a line of `ip -batch` that is about them. */
export function isOfHosts(line: string): boolean {
  return line.startsWith("rule ") || line.endsWith(" table 146");
}

/** What `ip rule show` and `ip route show table 146` list of ours. */
export class ModelHostRouting {
  readonly #texts = new Set<string>();

  /** One line of a batch; `device` is the interface of ours that is up. */
  run(line: string, device: string | undefined): void {
    const [, kind, verb, rest] = LINE.exec(line) ?? [];
    const text = `${kind} ${rest}`;
    if (!(kind === "rule" ? RULE : ROUTE).test(text)) throw new Refused(`unknown: ip ${line}`);
    const dev = ROUTE.exec(text)?.[3];
    if (verb === "del") {
      if (!this.#texts.delete(text)) throw new Refused(`No such process: ${line}`);
      return;
    }
    if (verb === "add" && this.#texts.has(text)) throw new Refused("File exists");
    if (dev !== undefined && dev !== device) throw new Refused(`${dev} is not up`);
    this.#texts.add(text);
  }

  /** An interface that goes, or goes down, takes its routes along. */
  dropDevice(name: string): void {
    for (const text of this.#texts) if (ROUTE.exec(text)?.[3] === name) this.#texts.delete(text);
  }

  /** Somebody deletes all of it. */
  clear(): void {
    this.#texts.clear();
  }

  /** What `ip -j` prints of rules, those of others among them, and of routes. */
  json(): string {
    const rules = [...this.#texts].flatMap((text) => {
      const [, priority, fwmark, fwmask, table, protocol] = RULE.exec(text) ?? [];
      return priority === undefined
        ? []
        : [{ priority: Number(priority), src: "all", fwmark, fwmask, table, protocol }];
    });
    const routes = [...this.#texts].flatMap((text) => {
      const [, type, dst, dev, , metric] = ROUTE.exec(text) ?? [];
      return dst === undefined
        ? []
        : [{ ...(type && { type: "unreachable" }), dst, dev, metric: metric && Number(metric), flags: [] }];
    });
    const main = { priority: 32766, src: "all", table: "main" };
    return `${JSON.stringify([...rules, main])}\n${JSON.stringify(routes)}\n`;
  }
}
