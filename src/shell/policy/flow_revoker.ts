// Ends flows that policies do not allow any more: conntrack lets them pass for as long as it knows them. One pass over all
// flows for whatever has changed meanwhile, beside the loop, at most two a second and a third of the time.

import {
  type EstablishedFlow,
  firstPacketOf,
  isOffloaded,
  keyOfFlow,
  parseEstablishedFlow,
  renderRevocation,
} from "../../core/policy/established_flow.ts";
import type { Flow } from "../../core/policy/judge_flow.ts";
import type { Verdict } from "../../core/policy/policy_table.ts";
import { renderRevoked } from "../../core/render/render_revoked.ts";
import { follow, run } from "../command.ts";
import { withInput } from "../files.ts";
import type { Log } from "../log.ts";
import { sleep } from "../sleep.ts";

/** What a change of the policies may mean for flows that there are. */
export interface Tightening {
  /** Something may be allowed no longer. */
  readonly isTighter: boolean;
  /** Addresses that are another pod's now, or nobody's: all their flows end. */
  readonly disowned: readonly string[];
}

/** What the revoker needs. */
export interface FlowRevokerOptions {
  /** What the policies say of a flow now. */
  readonly judge: (flow: Flow) => Verdict;
  /** POLICY_ESTABLISHED=revoke; otherwise only flows of addresses that have changed hands end. */
  readonly isRevoking: boolean;
  readonly log: Log;
  /** Flows of the flowtable go the long way again: there they ask nobody. */
  readonly resetFastpath: () => Promise<void>;
}

const MIN_INTERVAL_MS = 500;
/** TCP gives up on what is not answered within about this. */
const REMEMBERED = "15m";

/** See above. */
export class FlowRevoker {
  readonly #disowned = new Set<string>();
  #isDue = false;
  #isRunning = false;
  /** Of conntrack. */
  #version: number | undefined;

  constructor(private readonly options: FlowRevokerOptions) {}

  /** The kernel has a change of the policies. */
  consider({ isTighter, disowned }: Tightening): void {
    for (const address of disowned) this.#disowned.add(address);
    if (!(isTighter && this.options.isRevoking) && disowned.length === 0) return;
    this.#isDue = true;
    if (!this.#isRunning) this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isDue) {
      this.#isDue = false;
      const startMs = performance.now();
      const disowned = new Set(this.#disowned);
      this.#disowned.clear();
      try {
        await this.#pass(disowned);
      } catch (error) {
        this.options.log.warn(`cannot end flows that are not allowed any more: ${(error as Error).message}`);
      }
      const tookMs = performance.now() - startMs;
      await sleep(Math.max(MIN_INTERVAL_MS - tookMs, 2 * tookMs));
    }
    this.#isRunning = false;
  }

  async #pass(disowned: ReadonlySet<string>): Promise<void> {
    const flows = await this.#find(disowned, await ownAddresses());
    if (flows.length === 0) return;
    // Before their entries go: a packet of the other end would make a new one, the wrong way round.
    const remembered = renderRevoked(flows, REMEMBERED);
    if (remembered !== "") await withInput(remembered, (path) => run({ program: "nft", args: ["-f", path] }));
    if (flows.some(isOffloaded)) await this.options.resetFastpath();
    const text = renderRevocation(flows, await this.#isFrom(1_004_008)); // entries are replaced by tuple
    await withInput(text, (path) => run({ program: "conntrack", args: ["-R", path] }));
    this.options.log.info(`ended ${flows.length} flows that are not allowed any more`);
  }

  /** Line by line: 100,000 flows are 20 MB of text. */
  async #find(disowned: ReadonlySet<string>, own: ReadonlySet<string>): Promise<EstablishedFlow[]> {
    const found: EstablishedFlow[] = [];
    const verdicts = new Map<string, boolean>();
    const judge = (line: string) => {
      const key = keyOfFlow(line);
      const known = verdicts.get(key);
      if (known === false) return;
      const flow = parseEstablishedFlow(line);
      const mustEnd = flow !== undefined && (known ?? this.#mustEnd(flow, disowned, own));
      if (known === undefined) verdicts.set(key, mustEnd);
      if (mustEnd) found.push(flow);
    };
    // Without a family it lists IPv4 alone before 1.4.7. To look into 262,144 buckets, empty or not, takes the kernel 11 ms each time.
    const families = await this.#isFrom(1_004_007) ? [[]] : [["-f", "ipv4"], ["-f", "ipv6"]];
    const list = (family: readonly string[]) =>
      follow({ program: "conntrack", args: ["-L", "-o", "save", ...family] }, judge).ended;
    await Promise.all(families.map(list));
    return found;
  }

  /** conntrack is of this version, or newer: 1.4.8 is 1_004_008. */
  async #isFrom(version: number): Promise<boolean> {
    this.#version ??= await conntrackVersion();
    return this.#version >= version;
  }

  #mustEnd(flow: EstablishedFlow, disowned: ReadonlySet<string>, own: ReadonlySet<string>): boolean {
    const ends = [flow.source, flow.destination];
    if (ends.some((end) => disowned.has(end))) return true;
    // What a node and its own pods say to each other is no policy's business.
    if (!this.options.isRevoking || ends.some((end) => own.has(end))) return false;
    const first = firstPacketOf(flow);
    return first !== undefined && this.options.judge(first) === "drop";
  }
}

async function ownAddresses(): Promise<ReadonlySet<string>> {
  const links = JSON.parse(await run({ program: "ip", args: ["-j", "address"] })) as {
    addr_info?: { local?: string }[];
  }[];
  return new Set(links.flatMap(({ addr_info = [] }) => addr_info.map(({ local = "" }) => local)));
}

async function conntrackVersion(): Promise<number> {
  const text = await run({ program: "conntrack", args: ["--version"] });
  const [major = 0, minor = 0, patch = 0] = (/v(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  return (major * 1_000 + minor) * 1_000 + patch;
}
