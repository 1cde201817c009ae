// A moment of a host with WireGuard in its kernel, which has no key yet, knows of no name and has just begun.

import type { DeclaredMoment } from "../../src/core/declared/plan/diff_declared.ts";

/** It. */
export const MOMENT: DeclaredMoment = {
  implementation: "kernel",
  keyFolder: "/k",
  keys: new Map(),
  resolved: new Map(),
  steadySeconds: 0,
};
