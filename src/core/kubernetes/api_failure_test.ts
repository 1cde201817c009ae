import assert from "node:assert/strict";
import { type ApiRequest, describeAnswer, describeFailure, reasonIn } from "./api_failure.ts";
import { JSON_ENCODING } from "./object_list.ts";
import { NODES } from "./resource.ts";

const REQUEST: ApiRequest = {
  verb: "list",
  what: "nodes",
  resource: NODES,
  identity: "the service account token /t",
};
const PATCH: ApiRequest = { ...REQUEST, verb: "patch", what: "node n1" };

const answers: readonly [request: ApiRequest, status: number, message: string, told: RegExp][] = [
  [
    REQUEST,
    401,
    "Unauthorized",
    /^list of nodes: the API answered 401: Unauthorized; renew the service account token \/t/,
  ],
  [REQUEST, 403, "nodes is forbidden", /resources \[nodes\], verbs \[list\]/],
  [PATCH, 403, "nodes is forbidden", /patch of node n1.*verbs \[patch\]/],
  [PATCH, 403, "ValidatingAdmissionPolicy 'wigglenet' denied request", /is the token bound to this node/],
  [PATCH, 422, "ValidatingAdmissionPolicy 'wigglenet' denied request", /is the token bound to this node/],
  [PATCH, 404, 'nodes "n1" not found', /its Node is not there yet/],
  [REQUEST, 404, "404 page not found", /the address of a Kubernetes API\?/],
  [REQUEST, 429, "", /answered 429; it is busy/],
  [REQUEST, 500, "boom", /look at the API server's log/],
  [REQUEST, 302, "", /asked as the service account token/],
];
for (const [request, status, message, told] of answers) {
  Deno.test(`${status} ${message} to a ${request.verb} says ${told}`, () => {
    const line = describeAnswer(request, { status, message });
    assert.match(line, told);
    assert.ok(!line.includes("\n"));
  });
}

const HEAD = "error sending request for url (https://10.96.0.1/): client error (Connect): ";
const failures: readonly [message: string, told: RegExp][] = [
  [
    `${HEAD}tcp connect error: Connection refused (os error 111)`,
    /^list of nodes failed: tcp connect error: Conn.*nobody/,
  ],
  ["keys may not be consistent: KeyMismatch", /do not belong together; give both anew/],
  ["No keys found in key data", /certificate and key of the credentials are none/],
  [`${HEAD}invalid peer certificate: UnknownIssuer`, /not signed by the CA of the credentials/],
  [
    `${HEAD}invalid peer certificate: certificate not valid for name "x"; certificate is only valid for DnsName("y")`,
    /not made for this/,
  ],
  [`${HEAD}invalid peer certificate: Expired`, /has expired, or this host's clock is ahead/],
  [`${HEAD}dns error: failed to lookup address information`, /this host's DNS/],
  ["nothing was heard for 15 s", /^list of nodes failed: nothing was heard for 15 s$/],
];
for (const [message, told] of failures) {
  Deno.test(`"${message.replace(HEAD, "")}" says ${told}`, () => {
    assert.match(describeFailure(REQUEST, message), told);
  });
}

const bodies: readonly [body: string, reason: string][] = [
  [`{"kind":"Status","message":"nodes is forbidden"}`, "nodes is forbidden"],
  [`{"message":7}`, `{"message":7}`],
  ["<html>\n<body>Bad gateway", "<html>"],
  ["", ""],
  ["x".repeat(1_000), "x".repeat(300)],
];
for (const [body, reason] of bodies) {
  Deno.test(`the reason in ${body.slice(0, 40)} is ${reason.slice(0, 40)}`, () => {
    assert.equal(reasonIn(JSON_ENCODING.object(new TextEncoder().encode(body)), body), reason);
  });
}
