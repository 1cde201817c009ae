// The third of three: what the text of the API says of random clusters (test/laws/policy_oracle.ts) the model says in test/laws, and
// here real packets through a real nft, after each happening. A failure prints the seed that repeats it.

import assert from "node:assert/strict";
import fc from "fast-check";
import { changePolicy } from "../../src/core/plan/change_policy.ts";
import { isClean, NO_GARBAGE, standingOf } from "../../src/core/plan/standing_policy.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { renderPolicyGarbage } from "../../src/core/render/render_policy.ts";
import { icmp, ipPacket, PROTOCOL, sctpInit, tcp, TCP_FLAGS, udp } from "../lab/craft.ts";
import { happen } from "../laws/policy_happenings.ts";
import { mayPass, type OracleFlow } from "../laws/policy_oracle.ts";
import { flow, type Happening, happening, happeningOf, WorldBook } from "../laws/policy_worlds.ts";
import { CabledNode } from "./cabled_node.ts";

const OPTIONS = { isUnknownClosed: true, isLogged: false };
const NOTHING = { isGuarded: false, contents: new Map(), sets: new Map(), subjects: new Map() };
const HISTORIES = 6;
/** Of so many that are drawn few are dropped: of each verdict so many are sent. */
const DRAWN = 300;
const SENT = 30;
/** All pods of the worlds are behind one cable, whoever is outside behind another; everything is sent by a third. */
const ROUTES = ["10.0.0.0/16", "fd00:a::/32", "fd00:b::/32"].map((prefix) => `route add ${prefix} dev pod-b`);

const histories = fc.record({
  beginning: fc.tuple(
    fc.array(happeningOf("namespaces"), { minLength: 3, maxLength: 6 }),
    fc.array(happeningOf("pods"), { minLength: 6, maxLength: 14 }),
    fc.array(happeningOf("policies"), { minLength: 2, maxLength: 5 }),
  ).map((all) => all.flat()),
  steps: fc.array(
    fc.record({
      events: fc.array(happening, { minLength: 1, maxLength: 4 }),
      flows: fc.array(flow, { minLength: DRAWN, maxLength: DRAWN }),
      isTidied: fc.boolean(),
    }),
    { minLength: 5, maxLength: 5 },
  ),
});

let lastPort = 20_000;

/** Its first packet; each has a port of its own, for conntrack would know it again. */
function packetOf({ source, destination, protocol, port }: OracleFlow, mark: Uint8Array<ArrayBuffer>) {
  const ports = [++lastPort, port] as const;
  const isIpv6 = source.includes(":");
  const body = {
    TCP: () => tcp(ports, TCP_FLAGS.syn, mark),
    UDP: () => udp(...ports, mark),
    SCTP: () => sctpInit(ports, mark),
    ICMP: () => icmp(isIpv6 ? PROTOCOL.icmpv6 : PROTOCOL.icmp, [isIpv6 ? 128 : 8, 0, ports[0] << 16], mark),
  };
  return ipPacket({ source, destination }, body[protocol]());
}

/** A node that hears of what happens as the agent does. */
class World {
  readonly #book = new WorldBook();
  readonly #model = new PolicyModel({ nodeName: "n1" });
  #standing = standingOf(NOTHING, OPTIONS, NO_GARBAGE);

  constructor(private readonly cabled: CabledNode) {}

  async happen(events: readonly Happening[]): Promise<void> {
    for (const event of events) {
      this.#book.happen(event);
      happen(this.#model, event);
    }
    const { text, standing } = changePolicy(this.#model.takeChange(), this.#standing, OPTIONS);
    this.#standing = standing;
    await this.#load(text);
  }

  async tidy(): Promise<void> {
    if (isClean(this.#standing.garbage)) return;
    await this.#load(renderPolicyGarbage(this.#standing.garbage));
    this.#standing = { ...this.#standing, garbage: NO_GARBAGE };
  }

  async #load(text: string): Promise<void> {
    if (text !== "") await this.cabled.node.run(["nft", "-f", "-"], { stdin: text });
  }

  /** What is otherwise than the API's text says. */
  async judge(drawn: readonly OracleFlow[]): Promise<string[]> {
    const { world } = this.#book;
    const { pass = [], drop = [] } = Object.groupBy(
      drawn,
      (flow) => mayPass(world, flow, "n1") ? "pass" : "drop",
    );
    const passing = pass.slice(0, SENT);
    const flows = [...passing, ...drop.slice(0, SENT)];
    const shots = flows.map((flow) => {
      const mark = this.cabled.mark();
      return { link: "pod-a", packet: packetOf(flow, mark), mark } as const;
    });
    const arrivals = await this.cabled.shoot(shots, passing.length);
    return flows.flatMap((flow, i) => {
      const hasPassed = arrivals[i]!.some(({ link }) => link !== "pod-a");
      if (hasPassed === i < passing.length) return [];
      return [`${JSON.stringify(flow)} ${hasPassed ? "passed" : "did not pass"}`];
    });
  }

  get text(): string {
    return JSON.stringify(this.#book.world);
  }
}

Deno.test("real packets pass where the text of the API says so, in random clusters after each happening", async () => {
  await fc.assert(
    fc.asyncProperty(histories, async ({ beginning, steps }) => {
      await using cabled = await CabledNode.create({ ip: ROUTES });
      const world = new World(cabled);
      await world.happen(beginning);
      for (const { events, flows, isTidied } of steps) {
        await world.happen(events);
        if (isTidied) await world.tidy();
        assert.deepEqual(await world.judge(flows), [], world.text);
      }
    }),
    { numRuns: HISTORIES, endOnFailure: true },
  );
});
