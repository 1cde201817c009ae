import assert from "node:assert/strict";
import { LastTunnel } from "./last_tunnel.ts";
import { Lingering, LingeringUntilHeard } from "./lingering.ts";

/** A clock that stands, and what was asked of it to be called. */
class Clock implements Disposable {
  readonly #real = { now: performance.now, later: globalThis.setTimeout };
  readonly asked: { readonly atMs: number; readonly call: () => void }[] = [];
  nowMs = 5_000;

  constructor() {
    performance.now = () => this.nowMs;
    globalThis.setTimeout = ((call: () => void, ms: number) => {
      this.asked.push({ atMs: this.nowMs + ms, call });
      return 0;
    }) as unknown as typeof setTimeout;
  }

  [Symbol.dispose](): void {
    performance.now = this.#real.now;
    globalThis.setTimeout = this.#real.later;
  }
}

Deno.test("What lingers goes on for ten seconds from where it began last, and is told when it is over", () => {
  using clock = new Clock();
  let ends = 0;
  const lingering = new Lingering(() => ends++);
  assert.equal(lingering.isOn, false);
  lingering.begin();
  clock.nowMs += 6_000;
  lingering.begin();
  clock.nowMs += 9_999;
  assert.equal(lingering.isOn, true);
  clock.nowMs += 1;
  assert.equal(lingering.isOn, false);
  assert.deepEqual(clock.asked.map(({ atMs }) => atMs), [15_001, 21_001]);
  for (const { call } of clock.asked) call();
  assert.equal(ends, 2);
});

Deno.test("A tunnel that is needed no more is left for a while; one that never was needed, or is needed again, is not", () => {
  using clock = new Clock();
  const tunnel = new LastTunnel(() => {});
  const link = {} as NonNullable<Parameters<LastTunnel["isLeft"]>[0]["link"]>;
  const looks = [[undefined, 0], [link, 0], [undefined, 0], [undefined, 9_999], [undefined, 1], [link, 0], [
    undefined,
    0,
  ]] as const;
  const left = looks.map(([it, ms]) => {
    clock.nowMs += ms;
    return tunnel.isLeft({ link: it });
  });
  assert.deepEqual(left, [false, false, true, true, false, false, true]);
});

Deno.test("What others are to hear of lingers for ten seconds from where they can, and for a minute where they never can", () => {
  using clock = new Clock();
  const lastsMs = (saidAtMs: readonly number[]) => {
    const beganMs = clock.nowMs;
    const lingering = new LingeringUntilHeard(() => {});
    for (const ms of saidAtMs) {
      clock.nowMs = beganMs + ms;
      lingering.said();
    }
    while (lingering.isOn) clock.nowMs += 1_000;
    return clock.nowMs - beganMs;
  };
  assert.deepEqual([[0], [7_000], [7_000, 9_000], [59_000], []].map(lastsMs), [
    10_000,
    17_000,
    17_000,
    69_000,
    60_000,
  ]);
});
