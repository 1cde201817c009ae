import assert from "node:assert/strict";
import {
  firstPacketOf,
  isOffloaded,
  keyOfFlow,
  parseEstablishedFlow,
  renderRevocation,
} from "./established_flow.ts";

// Through a Service: what was asked for is 10.96.0.1:80, who answers is 10.244.2.5:8080. As conntrack 1.4.8 prints it.
const LINE = "-A -t 431999 -u SEEN_REPLY,ASSURED -s 10.244.1.5 -d 10.96.0.1 -r 10.244.2.5 -q 10.244.1.5 " +
  "-p tcp --sport 40000 --dport 80 --reply-port-src 8080 --reply-port-dst 40000 --state ESTABLISHED";
const ECHO =
  "-A -t 29 -s fd00::5 -d fd00::7 -r fd00::7 -q fd00::5 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7";

Deno.test("A flow is what policy saw of its first packet: the address and port of who answers", () => {
  const { source, destination, protocol, port } = firstPacketOf(parseEstablishedFlow(LINE)!)!;
  assert.deepEqual([source.text, destination.text, protocol, port], [
    "10.244.1.5",
    "10.244.2.5",
    "tcp",
    8080,
  ]);
});

Deno.test("One without ports has none", () => {
  const { protocol, port } = firstPacketOf(parseEstablishedFlow(ECHO)!)!;
  assert.deepEqual([protocol, port], ["other", 0]);
});

Deno.test("What is no flow is none", () => {
  assert.equal(
    parseEstablishedFlow("conntrack v1.4.8 (conntrack-tools): 2 flow entries have been shown."),
    undefined,
  );
  const strange = parseEstablishedFlow(LINE.replace("10.244.2.5", "nobody"));
  assert.equal(firstPacketOf(strange!), undefined);
});

Deno.test("An entry ends by the time that it has left", () => {
  const flow = parseEstablishedFlow(LINE)!;
  assert.equal(renderRevocation([flow], true), `${LINE.replace("-t 431999", "-t 0")}\n`);
  const other = parseEstablishedFlow(LINE.replaceAll("40000", "40001"))!;
  assert.equal(renderRevocation([flow, other], true).split("\n").length, 3);
  assert.equal(
    renderRevocation([flow, other], false),
    "-U -t 0 -s 10.244.1.5 -r 10.244.2.5 -p tcp --reply-port-src 8080\n",
    "of which each is a pass over all flows",
  );
  assert.equal(
    renderRevocation([parseEstablishedFlow(ECHO)!], false),
    "-U -t 0 -s fd00::5 -r fd00::7 -p icmpv6\n",
  );
});

Deno.test("Flows between two ends to one port are the same for policies, others are not", () => {
  const differs = (text: string, by: string) => keyOfFlow(LINE) !== keyOfFlow(LINE.replaceAll(text, by));
  assert.ok(!differs("40000", "40001") && !differs("431999", "5"));
  for (const [text, by] of [["1.5", "1.6"], ["2.5", "2.6"], ["8080", "8081"], ["tcp", "udp"]] as const) {
    assert.ok(differs(text, by), text);
  }
  assert.equal(keyOfFlow(ECHO), ECHO);
});

Deno.test("One that a flowtable carries is known", () => {
  assert.equal(isOffloaded(parseEstablishedFlow(LINE)!), false);
  assert.equal(isOffloaded(parseEstablishedFlow(LINE.replace("ASSURED", "ASSURED,OFFLOAD"))!), true);
});
