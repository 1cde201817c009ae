// Who lost packets while something was done to one node? Never the others.

import assert from "node:assert/strict";
import type { FlowReport, Traffic } from "../lab/traffic.ts";
import { PATIENCE } from "../lab/until.ts";

/** What may be lost. */
export interface Bearable {
  /** The node that it is done to: its own pairs may be out for a while. Default: none. */
  readonly victim?: string;
  /** Longest outage of a pair of the victim. */
  readonly outageMs?: number;
}

function show({ from, to, family, sent, lost, longestGapMs }: FlowReport): string {
  return `${from} -> ${to} IPv${family}: ${lost} of ${sent} lost, silent for ${longestGapMs.toFixed()} ms`;
}

/** Does something under traffic, see {@link losing}. */
export type Losing = (
  test: Deno.TestContext,
  bearable: Bearable,
  act: () => Promise<unknown>,
) => Promise<void>;

/**
 * Makes what does something under traffic in all directions and families, waits until all of it flows again, and fails
 * when packets of a pair that has no part in it were lost, or the others were out for too long.
 */
export function losing(traffic: Traffic): Losing {
  return async (test, { victim = "", outageMs = 0 }, act) => {
    await traffic.report();
    await act();
    await traffic.flowing(20_000);
    const reports = await traffic.report();
    const isConcerned = ({ from, to }: FlowReport) => from === victim || to === victim;
    const [concerned, others] = [reports.filter(isConcerned), reports.filter((flow) => !isConcerned(flow))];
    assert.deepEqual(others.filter(({ lost }) => lost > 0).map(show), [], "packets of the others were lost");
    const sent = sum(others.map((flow) => flow.sent));
    assert.ok(sent > 0, "nothing was sent");
    // What a quiet Deno prints of a test is the names of its steps.
    await test.step(`lost of ${sent} packets of the others: none`, () => {});
    if (victim === "") return;
    const outage = Math.max(...concerned.map(({ longestGapMs }) => longestGapMs));
    const lost = sum(concerned.map((flow) => flow.lost));
    await test.step(`lost of ${victim}: ${lost}, out for ${outage.toFixed()} ms at most`, () => {});
    assert.ok(outage <= outageMs * PATIENCE, concerned.map(show).join("\n"));
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
