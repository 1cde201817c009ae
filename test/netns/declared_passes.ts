// Passes over declared objects on hosts without an agent: declared_host.ts, which does what the agent's loop does.

import assert from "node:assert/strict";
import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import type { ToldPass } from "./declared_host.ts";

const PROGRAM = new URL("declared_host.ts", import.meta.url).pathname;

/** What tests do with the hosts of a laboratory. */
export interface Passes {
  /** The folder of a host's keys. */
  keys(host: Host): string;
  /** Passes over objects until nothing is left to do; what each pass did. */
  converge(host: Host, objects: readonly unknown[]): Promise<ToldPass[]>;
  /** The same; nothing may fail, and the last pass must find nothing to do. */
  settle(host: Host, objects: readonly unknown[]): Promise<ToldPass[]>;
}

/** Passes on the hosts of a laboratory. */
export function passesOn(lab: Lab): Passes {
  const keys = ({ name }: Host) => `${lab.folder}/keys-${name}`;
  const converge = async (host: Host, objects: readonly unknown[]): Promise<ToldPass[]> => {
    const path = `${lab.folder}/${host.name}.json`;
    await Deno.writeTextFile(path, JSON.stringify(objects));
    const argv = [Deno.execPath(), "run", "-A", "--no-check", PROGRAM, host.name, path, keys(host)];
    const printed = await host.run(argv, { env: { NO_COLOR: "1" } });
    return printed.trim().split("\n").map((line) => JSON.parse(line));
  };
  const settle = async (host: Host, objects: readonly unknown[]): Promise<ToldPass[]> => {
    const passes = await converge(host, objects);
    assert.deepEqual(passes.flatMap(({ errors }) => errors), []);
    assert.deepEqual(passes.at(-1)!.changes, []);
    return passes;
  };
  return { keys, converge, settle };
}
