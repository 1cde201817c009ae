// The house rules that a machine can check, as a plugin of `deno lint` (lint.plugins in deno.json).
// A rule's hint says what to do instead; an exception is a `deno-lint-ignore` comment with its reason.

import { docs } from "./docs.ts";
import { effects } from "./effects.ts";
import { layers } from "./layers.ts";
import { names } from "./names.ts";
import { purity } from "./purity.ts";
import { size } from "./size.ts";

const plugin: Deno.lint.Plugin = { name: "wigglenet", rules: { layers, purity, effects, size, names, docs } };
export default plugin;
