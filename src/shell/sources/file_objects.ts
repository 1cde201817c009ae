// One set of files, two readers: the Nodes in them, and what policies are made of. Each file is read once.

import type { DocumentKind } from "../../core/nodes/documents.ts";
import type { Namespace, NetworkPolicy, Parsed, Pod } from "../../core/policy/objects.ts";
import { parseNamespace } from "../../core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../core/policy/parse_network_policy.ts";
import { parsePod } from "../../core/policy/parse_pod.ts";
import { pickPod } from "../../core/policy/pick_policy_object.ts";
import { FileSource } from "./file_source.ts";
import type { NodeSource, SourceOptions, SourceState } from "./node_source.ts";
import type { PolicyListeners, PolicySource } from "./policy_source.ts";

const KINDS: ReadonlySet<DocumentKind> = new Set(["Node", "Pod", "Namespace", "NetworkPolicy"]);

/** What is no Node. */
class PolicyObject {
  constructor(
    /** Of all objects of its kind. */
    readonly name: string,
    readonly told:
      | { readonly kind: "pods"; readonly parsed: Parsed<Pod> }
      | { readonly kind: "namespaces"; readonly parsed: Parsed<Namespace> }
      | { readonly kind: "policies"; readonly parsed: Parsed<NetworkPolicy> },
  ) {}

  /** Unlike that of all other objects. */
  get key(): string {
    return `${this.told.kind} ${this.name}`;
  }
}

/** Nodes as they were asked for, and the others. */
export class FileObjects<T> implements NodeSource<T> {
  readonly #files: FileSource<T | PolicyObject>;
  readonly #known = new Map<string, PolicyObject>();
  #listeners: PolicyListeners | undefined;
  #onPolicyChange: () => void = () => {};
  #read: SourceState<T | PolicyObject> | undefined;
  #nodes: SourceState<T> | undefined;

  constructor(readonly places: readonly string[], { parse, onChange, nameOf }: SourceOptions<T>) {
    this.#files = new FileSource<T | PolicyObject>(places, {
      kinds: KINDS,
      parse: (json, origin) => policyObject(json, origin) ?? parse(json, origin),
      isVital: (item) => !(item instanceof PolicyObject),
      nameOf: (item) => item instanceof PolicyObject ? item.key : nameOf?.(item),
      onChange: () => {
        this.#tell();
        this.#onPolicyChange(); // also where nothing but problems has changed
        onChange();
      },
    });
  }

  /** Who is told of what is no Node. It begins and ends with the source of the Nodes, which tells what cannot be read. */
  listen(listeners: PolicyListeners, onChange: () => void): PolicySource {
    this.#listeners = listeners;
    this.#onPolicyChange = onChange;
    const isComplete = () => this.#isComplete();
    const size = () => this.#known.size;
    return {
      start: () => void this.#tell(),
      need: () => {}, // everything that there is was read
      problems: () => [],
      get isComplete() {
        return isComplete();
      },
      get size() {
        return size();
      },
      close: () => Promise.resolve(),
    };
  }

  async start(): Promise<void> {
    await this.#files.start();
    this.#tell();
    this.#onPolicyChange();
  }

  state(): SourceState<T> {
    const read = this.#files.state();
    if (read !== this.#read || this.#nodes === undefined) {
      this.#read = read;
      const items = read.items.filter((item): item is T & (typeof item) => !(item instanceof PolicyObject));
      this.#nodes = { ...read, items: items as T[] };
    }
    return this.#nodes;
  }

  /**
   * A file that was never read may hold a policy, or a pod that one allows: until it is mended, or gone, nobody knows what
   * to enforce, and what is enforced stays.
   */
  #isComplete(): boolean {
    const { complete, problems } = this.#files.state();
    return complete && !problems.some(({ isUnread }) => isUnread);
  }

  async close(): Promise<void> {
    await this.#files.close();
  }

  /** An object that stands in two files is what the last one says. */
  #tell(): void {
    if (this.#listeners === undefined) return;
    const found = new Map<string, PolicyObject>();
    for (const item of this.#files.state().items) {
      if (item instanceof PolicyObject) found.set(item.key, item);
    }
    for (const [key, { told, name }] of this.#known) {
      if (found.has(key)) continue;
      this.#known.delete(key);
      this.#listeners[told.kind].remove(name);
    }
    for (const [key, object] of found) {
      if (this.#known.get(key) === object) continue;
      this.#known.set(key, object);
      put(this.#listeners, object);
    }
  }
}

function put(listeners: PolicyListeners, { name, told }: PolicyObject): void {
  switch (told.kind) {
    case "pods":
      return listeners.pods.put(name, told.parsed);
    case "namespaces":
      return listeners.namespaces.put(name, told.parsed);
    case "policies":
      return listeners.policies.put(name, told.parsed);
  }
}

function policyObject(json: unknown, origin: string): PolicyObject | undefined {
  switch ((json as { kind: DocumentKind }).kind) {
    case "Node":
      return undefined;
    case "Pod": {
      const parsed = parsePod(pickPod(json), origin);
      return new PolicyObject(nameOf(parsed, origin), { kind: "pods", parsed });
    }
    case "Namespace": {
      const parsed = parseNamespace(json, origin);
      return new PolicyObject(parsed.value?.name ?? origin, { kind: "namespaces", parsed });
    }
    case "NetworkPolicy": {
      const parsed = parseNetworkPolicy(json, origin);
      return new PolicyObject(nameOf(parsed, origin), { kind: "policies", parsed });
    }
  }
}

/** One that has no name is known by where it stands. */
function nameOf({ value }: Parsed<{ namespace: string; name: string }>, origin: string): string {
  return value === undefined ? origin : `${value.namespace}/${value.name}`;
}
