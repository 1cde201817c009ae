// Routes of our protocol number in one family of the model host: one route for each destination and metric.

import { Refused } from "./refused.ts";

interface Route {
  readonly type: string | undefined;
  readonly dst: string;
  readonly encap: string | undefined;
  readonly gateway: string | undefined;
  readonly dev: string | undefined;
  readonly metric: number;
  readonly flags: readonly string[];
}

const LINE =
  /^route (replace|del) (?:(unreachable|blackhole) )?(\S+)(?: encap (ip6? id \d+(?: src \S+)? dst \S+))?(?: via (\S+))?(?: dev (\S+))?( onlink)? proto 146(?: metric (\d+))?$/;

/** The routes that `ip route show proto 146` lists. */
export class ModelRoutes {
  readonly #routes = new Map<string, Route>();

  constructor(readonly family: 4 | 6) {}

  /** One line of a batch; `devices` are the interfaces of ours that are up. */
  run(line: string, devices: readonly string[] = []): void {
    const [, verb, type, dst, encap, gateway, dev, onlink, metric] = LINE.exec(line) ?? [];
    if (dst === undefined || dst.includes(":") !== (this.family === 6)) {
      throw new Refused(`unknown: ip ${line}`);
    }
    const implied = type === undefined && this.family === 6 ? 1024 : 0;
    const flags = onlink === undefined ? [] : ["onlink"];
    const route: Route = {
      type,
      dst,
      encap,
      gateway,
      dev,
      metric: metric === undefined ? implied : Number(metric),
      flags,
    };
    const place = `${dst} ${route.metric}`;
    if (verb === "replace") {
      if (dev !== undefined && dev !== "eth0" && !devices.includes(dev)) {
        throw new Refused(`${dev} is not up`);
      }
      this.#routes.set(place, route);
      return;
    }
    const present = this.#routes.get(place);
    if (present === undefined || JSON.stringify(present) !== JSON.stringify(route)) {
      throw new Refused(`No such process: ${line}`);
    }
    this.#routes.delete(place);
  }

  /** An interface that goes, or goes down, takes its routes along; or only those to one destination. */
  dropDevice(name: string, to?: string): void {
    for (const [place, { dev, dst }] of this.#routes) {
      if (dev === name && (to === undefined || dst === to)) this.#routes.delete(place);
    }
  }

  /** What `ip -j route show` prints: hosts without their length, of IPv6 every metric. How it wraps is one word here: ip prints two fields `dst`. */
  json(): string {
    const isIpv6 = this.family === 6;
    return JSON.stringify(
      [...this.#routes.values()].map(({ type, dst, encap, gateway, dev, metric, flags }) => ({
        type,
        dst: dst.replace(isIpv6 ? /\/128$/ : /\/32$/, ""),
        encap,
        gateway,
        dev: type !== undefined && isIpv6 ? "lo" : dev,
        metric: metric === 0 && !isIpv6 ? undefined : metric,
        flags,
      })),
    );
  }
}
