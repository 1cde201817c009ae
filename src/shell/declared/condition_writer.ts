// Writes the conditions of objects that are for this node alone. One that the API does not take costs no other its own, and a
// namespace that has thousands costs the others no time.

import { type DeclaredId, type DeclaredObject, nameOf } from "../../core/declared/declared_object.ts";
import { KINDS } from "../../core/declared/kinds/kinds.ts";
import { declaredResource } from "../../core/declared/kinds/resource.ts";
import { conditionPatch } from "../../core/declared/status/node_status.ts";
import type { DeclaredReport } from "../../core/declared/status/report.ts";
import { isTenant } from "../../core/declared/want/grants.ts";
import { fieldsOf } from "../../core/kubernetes/fields.ts";
import type { ApiClient, Call, Reply } from "../sources/kubernetes/api_client.ts";

/** By then the watch has told what was written. */
const ECHO_MS = 5_000;
/** What was refused is asked for again behind so long: its owner may have made it longer than the API takes. */
const REFUSED_MS = 15_000;
/** Of a namespace in one go; the others' come in the next ones. */
const MOST_OF_A_NAMESPACE = 16;

/** What came of it. */
export interface Written {
  /** Something was asked for. */
  readonly hasAsked: boolean;
  /** The first that was refused; undefined: none was. */
  readonly trouble: string | undefined;
}

interface Told {
  /** What its status said before. */
  readonly stated: unknown;
  readonly untilMs: number;
}

/** Keeps them as the last pass has it. */
export class ConditionWriter {
  readonly #told = new Map<string, Told>();

  constructor(private readonly client: Pick<ApiClient, "request">) {}

  /**
   * Writes those that are not as they should be.
   * @throws Error where nobody answers
   */
  async write(report: DeclaredReport, objects: readonly DeclaredObject[]): Promise<Written> {
    let trouble: string | undefined;
    const due = this.#due(report, objects);
    for (const { object, status } of due) {
      const reply = await this.client.request(statusPatch(object, status));
      const refusal = refusalIn(reply, `patch the status of ${nameOf(object)}`);
      trouble ??= refusal;
      const untilMs = performance.now() + (refusal === undefined ? ECHO_MS : REFUSED_MS);
      this.#told.set(nameOf(object), { stated: object.stated, untilMs });
    }
    return { hasAsked: due.length > 0, trouble };
  }

  #due({ objects: reports, interfaces }: DeclaredReport, objects: readonly DeclaredObject[]) {
    const known = new Map(objects.map((it) => [nameOf(it), it]));
    const publicKeys = new Map(interfaces.map(({ owner, publicKey }) => [nameOf(owner), publicKey]));
    for (const name of this.#told.keys()) if (!known.has(name)) this.#told.delete(name);
    const counts = new Map<string, number>();
    const nowMs = performance.now();
    return reports.flatMap((it) => {
      const object = known.get(nameOf(it));
      if (object === undefined || it.kind === "WireGuardNetworkPlan") return [];
      const before = this.#told.get(nameOf(it));
      if (before !== undefined && before.stated === object.stated && nowMs < before.untilMs) return [];
      const publicKey = it.kind === "PodWireGuardInterface" ? publicKeys.get(nameOf(it)) : undefined;
      const status = conditionPatch({ ...it, publicKey }, object.stated, Date.now());
      if (status === undefined) return [];
      const namespace = isTenant(object) ? object.namespace : "";
      const count = (counts.get(namespace) ?? 0) + 1;
      counts.set(namespace, count);
      return namespace === "" || count <= MOST_OF_A_NAMESPACE ? [{ object, status }] : [];
    });
  }
}

/** Who writes. */
export const BY = "?fieldManager=wigglenet";

/** The request that sets an object's status. */
export function statusPatch({ kind, name }: DeclaredId, status: unknown): Call {
  const [own, namespace] = name.split("/").reverse() as [string, string | undefined];
  const folder = declaredResource(KINDS.find((it) => it.name === kind)!, { namespace }).path;
  return { method: "PATCH", path: `${folder}/${own}/status${BY}`, body: { status }, isMerge: true };
}

/** Why it was not done; undefined: it was, or what was asked for is not there. */
function refusalIn({ status, body }: Reply, what: string): string | undefined {
  if (status === 404 || status >= 200 && status < 300) return undefined;
  const { message } = fieldsOf(body);
  return `the API server answered ${status} to ${what}${typeof message === "string" ? `: ${message}` : ""}`;
}

/**
 * False where what was asked for is not there.
 * @throws Error where it was not done
 */
export function isThere(reply: Reply, what: string): boolean {
  const refusal = refusalIn(reply, what);
  if (refusal !== undefined) throw new Error(refusal);
  return reply.status !== 404;
}
