import assert from "node:assert/strict";
import { parseFlags } from "./arguments.ts";

const cases: readonly [args: string[], given: string[], mtu: string | undefined][] = [
  [["--mtu"], ["mtu"], undefined],
  [["--mtu", "--json"], ["json", "mtu"], undefined],
  [["--json", "--mtu"], ["json", "mtu"], undefined],
  [["--mtu=1300"], [], "1300"],
  [["--mtu", "1300", "--json"], ["json"], "1300"],
  [["--mtu", "--mtu=1300"], ["mtu"], "1300"],
  [[], [], undefined],
];
for (const [args, given, mtu] of cases) {
  Deno.test(`check ${args.join(" ")}: --mtu alone is the verb's own flag, with a value it is the setting`, async () => {
    const flags = await parseFlags(args, ["json", "mtu"]);
    assert.deepEqual([...flags.given].sort(), given);
    assert.equal(flags.raw["WIGGLENET_MTU"], mtu);
  });
}
