import assert from "node:assert/strict";
import { nftFinding } from "./nft_version.ts";

const cases: readonly (readonly [said: string, level: string | undefined])[] = [
  ["nftables v0.9.8 (E.D.S.)", "error"],
  ["nftables v0.9.10 (x)", "error"],
  ["0.9.8", "error"],
  ["1.1.3", undefined],
  ["", undefined],
  ["nftables v1.0.0 (Fearless Fosdick #3)", "warning"],
  ["nftables v1.0.2 (Lester Gooch)", "warning"],
  ["nftables v1.0.6 (Lester Gooch #5)", undefined],
  ["nftables v1.0.10 (x)", undefined],
  ["nftables v1.1.3 (Commodore Bullmoose #4)", undefined],
  ["nftables v2.0 (x)", undefined],
  ["nftables from git", undefined],
];

for (const [said, level] of cases) {
  Deno.test(`nft that says "${said}" ${level === undefined ? "is taken" : `is an ${level}, with what to install`}`, () => {
    const finding = nftFinding(said);
    assert.equal(finding?.level, level);
    if (finding !== undefined) {
      assert.match(
        `${finding.what}; ${finding.remedy}`,
        /^nft \d+\.\d+\.\d+ is .*; install nftables 1\.0\.6/,
      );
    }
  });
}
