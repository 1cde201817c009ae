import assert from "node:assert/strict";
import { parseJunit } from "./junit.ts";

// What Deno 2.9.6 wrote, shortened.
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="3" errors="0" time="0.009">
    <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="3">
        <testcase name="has steps" classname="./a_test.ts" time="0.003" line="1" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="ignored &apos;one&apos;" classname="./a_test.ts" time="0.000" line="2" col="6">
            <skipped/>
        </testcase>
        <testcase name="&quot;quoted&quot; &amp; &lt;x&gt;" classname="./a_test.ts" time="0.000" line="3" col="6">
            <failure message="Uncaught Error: boom">Error: &lt;/testcase&gt;
    at file:///tmp/x/a_test.ts:3:49</failure>
        </testcase>
        <testcase name="has steps &gt; good" classname="./a_test.ts" time="0.000" line="1" col="44">
        </testcase>
        <testcase name="has steps &gt; far" classname="./steps.ts" time="0.000" line="9" col="9">
        </testcase>
        <testcase name="of a suite" classname="./suite.ts" time="0.000" line="9" col="9">
        </testcase>
        <testcase name="has steps &gt; bad" classname="./a_test.ts" time="0.001" line="1" col="78">
            <failure message="Uncaught Error: x">Error: x</failure>
        </testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="has steps &gt; good" classname="./b_test.ts" time="0.000" line="1" col="44">
        </testcase>
    </testsuite>
</testsuites>`;

Deno.test("each test of a report is read once, with its name as written and without its steps", () => {
  assert.deepEqual(parseJunit(REPORT), [
    { name: "has steps", file: "./a_test.ts", outcome: "failed" },
    { name: "ignored 'one'", file: "./a_test.ts", outcome: "ignored" },
    { name: `"quoted" & <x>`, file: "./a_test.ts", outcome: "failed" },
    { name: "of a suite", file: "./suite.ts", outcome: "passed" },
    { name: "has steps > good", file: "./b_test.ts", outcome: "passed" },
  ]);
});

Deno.test("a report of no test is empty", () => {
  assert.deepEqual(parseJunit(`<testsuites name="deno test" tests="0"></testsuites>`), []);
});
