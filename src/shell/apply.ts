// Carries out a Plan, stage by stage, and reports what happened. Goes on past a failed step where the rest is independent.

import { deafRenewalsOf, renewalsOf } from "../core/observed/crossed_handshakes.ts";
import { greetingOf } from "../core/plan/greeting.ts";
import { batchOf, complaintsOf, type IpBatch } from "../core/plan/ip_batch.ts";
import type { Action, Part, Plan, Step } from "../core/plan/plan.ts";
import { type WgBatch, wgBatchOf } from "../core/plan/wg_batch.ts";
import { associate } from "./associate.ts";
import { attempt, CommandError, run } from "./command.ts";
import { unlessAbsent } from "./observe.ts";
import { linkAtomically, removeFile, withInput, writeAtomically } from "./files.ts";
import { drawNonce } from "./ipsec_nonce.ts";
import { moveKey } from "./key_rotation.ts";
import { greetByIpsec } from "./observe_ipsec.ts";
import { endServer, serve } from "./wireguard_go.ts";

/** What became of a step. */
export interface Outcome {
  readonly step: Step;
  /** Undefined: it succeeded. */
  readonly error: Error | undefined;
  readonly durationMs: number;
}

/**
 * Applies the steps in order of their stages; those of one stage run at once.
 * @param failing parts that are backing off: their steps, and those that need them, are left out
 * @returns an outcome for each step that was tried
 */
export async function apply(plan: Plan, failing: ReadonlySet<Part>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const failed = new Set(failing);
  for (const stage of stagesOf(plan.steps)) {
    const due = stage.filter(({ part, needs }) =>
      !failed.has(part) && !needs.some((need) => failed.has(need))
    );
    const done = await applyStage(due);
    for (const outcome of done) if (outcome.error !== undefined) failed.add(outcome.step.part);
    outcomes.push(...done);
  }
  await greetByIpsec(plan.greeted ?? []);
  return outcomes;
}

function stagesOf(steps: readonly Step[]): Step[][] {
  const stages = new Map<number, Step[]>();
  for (const step of steps) stages.set(step.stage, [...stages.get(step.stage) ?? [], step]);
  return [...stages].sort(([a], [b]) => a - b).map(([, list]) => list);
}

async function applyStage(steps: readonly Step[]): Promise<Outcome[]> {
  const [ip, wg] = [batchOf(steps), wgBatchOf(steps)];
  const alone = steps.filter((step) => !ip?.steps.includes(step) && !wg?.steps.includes(step));
  const done = await Promise.all([
    applyAlone(alone),
    ...(ip === undefined ? [] : [applyBatch(ip)]),
    ...(wg === undefined ? [] : [applyWg(wg)]),
  ]);
  return done.flat();
}

/** What a container holds may ask for thousands of programs: so many at once, and no more. */
const AT_ONCE = 16;

async function applyAlone(steps: readonly Step[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const rest = steps.values();
  const work = async () => {
    for (const step of rest) outcomes.push(await applyStep(step));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

/** All by one command; where wg refuses it one after the other, to see which of them. One that hangs or is not there is not asked again. */
async function applyWg({ steps, args }: WgBatch): Promise<Outcome[]> {
  const start = performance.now();
  const outcomes: Outcome[] = [];
  let failure: string | undefined;
  try {
    ({ failure } = await attempt({ program: "wg", args }));
  } catch (error) {
    return steps.map((step) => ({ step, error: error as Error, durationMs: performance.now() - start }));
  }
  const rest = (step: Step) => failure === undefined ? { ...step, actions: step.actions.slice(1) } : step;
  for (const step of steps) {
    const { error } = await applyStep(rest(step));
    outcomes.push({ step, error, durationMs: performance.now() - start });
  }
  return outcomes;
}

/** Each step of it succeeds or fails for itself. */
async function applyBatch(batch: IpBatch): Promise<Outcome[]> {
  const start = performance.now();
  const errors = await withInput(batch.input, async (path) => {
    const { stderr, failure } = await attempt({ program: "ip", args: ["-force", "-batch", path] });
    if (failure === undefined) return [];
    return complaintsOf(batch, stderr).map((complaint) =>
      complaint === undefined ? undefined : new CommandError(`ip -force -batch ${path}`, complaint, failure)
    );
  }).catch((error: Error) => batch.steps.map(() => error));
  const durationMs = performance.now() - start;
  return batch.steps.map((step, i) => ({ step, error: errors[i], durationMs }));
}

async function applyStep(step: Step): Promise<Outcome> {
  const start = performance.now();
  let error: Error | undefined;
  try {
    for (const action of step.actions) await act(action);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown : new Error(String(thrown));
  }
  return { step, error, durationMs: performance.now() - start };
}

const PEERS_PER_GREETING = 100;
/** Handshakes are answered within this, or have crossed. */
const ANSWERED_MS = 1_000;
/** Of more peers a dump is megabytes, at a time when memory is short: their pairs wait for WireGuard's own 5 s. */
const MOST_LOOKED_AFTER = 1_000;

type Greeting = Extract<Action, { kind: "greet" }>;

/**
 * Not waited for: 5,000 handshakes take seconds of CPU, and nothing else depends on them. Those that crossed are begun anew,
 * once, and a second later those in which one side is deaf.
 */
async function greet({ interfaceName, peers, hasBegun }: Greeting): Promise<void> {
  const greetings = hasBegun ? [] : peers.map((peer) => greetingOf(peer.publicKey, peer.keepaliveSeconds));
  await setPeers(interfaceName, greetings);
  if (peers.length > MOST_LOOKED_AFTER) return;
  const greeted = new Set<string>(peers.map(({ publicKey }) => publicKey));
  const dump = await dumpOnceAnswered(interfaceName);
  await setPeers(interfaceName, renewalsOf(dump, greeted));
  if (deafRenewalsOf(dump, greeted).length === 0) return;
  await setPeers(interfaceName, deafRenewalsOf(await dumpOnceAnswered(interfaceName), greeted));
}

async function dumpOnceAnswered(interfaceName: string): Promise<string> {
  await new Promise<void>((resolve) => Deno.unrefTimer(setTimeout(resolve, ANSWERED_MS)));
  return await run({ program: "wg", args: ["show", interfaceName, "dump"] });
}

/** By `wg set`, with the arguments of each peer, so many peers at a time. */
async function setPeers(interfaceName: string, peers: readonly (readonly string[])[]): Promise<void> {
  for (let i = 0; i < peers.length; i += PEERS_PER_GREETING) {
    const args = peers.slice(i, i + PEERS_PER_GREETING).flat();
    await run({ program: "wg", args: ["set", interfaceName, ...args] });
  }
}

async function act(action: Action): Promise<void> {
  switch (action.kind) {
    case "run": {
      const { program, args, input, mayBeGone } = action;
      const done = input === undefined
        ? run({ program, args })
        : withInput(input, (path) => run({ program, args: [...args, path] }));
      await (mayBeGone ? unlessAbsent(done) : done);
      return;
    }
    case "serve":
      return await serve(action.interfaceName);
    case "end":
      return await endServer(action.pid, action.interfaceName);
    case "removeFiles":
      for (const path of action.paths) await removeFile(path);
      return;
    case "greet":
      greet(action).catch(() => {
        // The interface is gone again: whoever makes it anew greets anew.
      });
      return;
    case "associate":
      return await associate(action);
    case "drawNonce":
      return drawNonce(action.spent, action.isObliged);
    case "moveKey":
      return await moveKey(action.move, action.privateKeyPath);
    case "writeFile":
      await writeAtomically(action.path, action.text, 0o644);
      return await linkAtomically(action.linkFrom, action.path);
  }
}
