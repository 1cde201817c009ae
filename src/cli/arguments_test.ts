import assert from "node:assert/strict";
import { parseFlags } from "./arguments.ts";
import { UsageError } from "./usage_error.ts";

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
  Deno.test(`check ${args.join(" ")}: --mtu alone is the verb's own flag, with a value it is the setting`, () => {
    const flags = parseFlags(args, ["json", "mtu"]);
    assert.deepEqual([...flags.given].sort(), given);
    assert.equal(flags.raw["WIGGLENET_MTU"], mtu);
  });
}

const taken: readonly [args: string[], name: string, value: string][] = [
  [["--node-name=n1"], "NODE_NAME", "n1"],
  [["--node-name", "n1"], "NODE_NAME", "n1"],
  [["--node-name="], "NODE_NAME", ""],
  [["--node-name=-n=1\n"], "NODE_NAME", "-n=1\n"],
  [["--nodes=/a", "--nodes", "/b"], "WIGGLENET_NODES", "/a,/b"],
  [["--strict"], "STRICT", "true"],
  [["--strict", "false"], "STRICT", "false"],
];
for (const [args, name, value] of taken) {
  Deno.test(`${JSON.stringify(args)} is ${name}=${JSON.stringify(value)}`, () => {
    assert.equal(parseFlags(args, ["json"]).raw[name], value);
  });
}

const refused: readonly [args: string[], reason: string][] = [
  [["--json=yes"], "--json takes no value"],
  [["--node-name"], "--node-name needs a value: --node-name=VALUE"],
  [["--node-name", "--json"], "--node-name needs a value: --node-name=VALUE"],
  [["--node-name=a", "--node-name=b"], "--node-name is given 2 times"],
  [["--node-nam=a"], "there is no flag --node-nam: did you mean --node-name?"],
  [["n1"], 'unexpected argument "n1": flags begin with --'],
  [["-j"], 'unexpected argument "-j": flags begin with --'],
  [["--"], "there is no flag --: did you mean --mtu?"],
];
for (const [args, reason] of refused) {
  Deno.test(`${args.join(" ")} is refused: ${reason}`, () => {
    assert.throws(() => parseFlags(args, ["json"]), new UsageError(reason));
  });
}
