// What to tell an operator of a request that the Kubernetes API did not answer as asked: what, why, and the remedy.

import type { Resource } from "./resource.ts";

/** What a request was to do. */
export interface ApiRequest {
  readonly verb: "list" | "watch" | "patch";
  /** What it is about: `nodes`, `node n1`. */
  readonly what: string;
  /** What a role must name. */
  readonly resource: Pick<Resource, "group" | "plural">;
  /** Where the credentials come from: `the service account token in /var/run/...`. */
  readonly identity: string;
}

/** An answer that is none of 2xx. */
export interface Refused {
  readonly status: number;
  /** `message` of the Status object in its body, or the start of that body. */
  readonly message: string;
}

/** One line: the answer, and what to do about it. */
export function describeAnswer(request: ApiRequest, { status, message }: Refused): string {
  const { verb, what, identity } = request;
  const head = `${verb} of ${what}: the API answered ${status}${message === "" ? "" : `: ${message}`}`;
  return `${head}; ${remedyOf(request, status, message) ?? `asked as ${identity}`}`;
}

const ADMISSION = /admission|ValidatingAdmissionPolicy/i;

function remedyOf(
  { verb, identity, resource }: ApiRequest,
  status: number,
  message: string,
): string | undefined {
  if (status === 401) {
    return `renew ${identity}: it has expired, is of another cluster, or its account is gone`;
  }
  if ((status === 403 || status === 422) && ADMISSION.test(message)) {
    return "an admission policy forbids it: is the token bound to this node, and NODE_NAME its name?";
  }
  if (status === 403) {
    const { group, plural } = resource;
    const rule = `apiGroups ["${group}"], resources [${plural}], verbs [${verb}]`;
    return `grant it to ${identity}: a ClusterRole with ${rule}, and its binding`;
  }
  if (status === 404 && verb === "patch") return "its Node is not there yet; it is tried again";
  if (status === 404) return "is this the address of a Kubernetes API?";
  if (status === 429 || status === 503) return "it is busy; it is asked again when it says";
  if (status >= 500) return "look at the API server's log; it is asked again";
  return undefined;
}

interface Trouble {
  readonly sign: RegExp;
  readonly text: string;
}

/** What Deno's fetch (2.9) says, and what it means. */
const TROUBLES: readonly Trouble[] = [
  {
    sign: /UnknownIssuer|BadSignature/,
    text: "its certificate is not signed by the CA of the credentials; give the cluster's own CA",
  },
  {
    sign: /NotValidForName|not valid for name/,
    text:
      "its certificate is not made for this address; use a name or address that is in it, or add this one to it",
  },
  {
    sign: /CaUsedAsEndEntity/,
    text: "it shows a CA as its own certificate; give it one that a CA has signed",
  },
  { sign: /certificate: Expired/, text: "its certificate has expired, or this host's clock is ahead" },
  { sign: /NotValidYet/, text: "its certificate is not valid yet, or this host's clock is behind" },
  {
    sign: /KeyMismatch|No (keys|certificates) found in|Unable to decode certificate/,
    text: "certificate and key of the credentials are none, or do not belong together; give both anew",
  },
  { sign: /Connection refused/, text: "nobody listens there; is the API server up, and the address right?" },
  { sign: /dns error/, text: "its name cannot be resolved; look at this host's DNS, or use an address" },
  { sign: /unreachable|No route/, text: "there is no route to it; look at this host's network" },
  {
    sign: /InvalidContentType|invalid HTTP version/,
    text: "one speaks TLS and the other does not; look at http or https",
  },
  {
    sign: /ports? \d+ (are|is) blocked/,
    text: "Deno's fetch does not use this port; let the API listen on another",
  },
];

/** One line of an error of `fetch`, or of a deadline. */
export function describeFailure({ verb, what }: ApiRequest, message: string): string {
  const known = TROUBLES.find(({ sign }) => sign.test(message));
  const detail = message.replace(/^.*client error \(\w+\): /, "");
  return `${verb} of ${what} failed: ${detail}${known === undefined ? "" : `: ${known.text}`}`;
}

/**
 * The reason that an answer gives: a Status object's message, else the first line of its text.
 * @param object what the answer holds; not every server speaks of Status objects
 */
export function reasonIn(object: unknown, text: string): string {
  const message = typeof object === "object" && object !== null && "message" in object
    ? object.message
    : text;
  return (typeof message === "string" ? message : text).split("\n")[0]!.trim().slice(0, MAX_REASON);
}

const MAX_REASON = 300;
