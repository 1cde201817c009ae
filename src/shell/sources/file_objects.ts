// One set of files, three readers: the Nodes in them, what policies are made of, and declared networks. Each file is read once.

import type { ParsedDeclared } from "../../core/declared/declared_object.ts";
import { type KindName, KINDS as DECLARED } from "../../core/declared/kinds/kinds.ts";
import { parseDeclared } from "../../core/declared/parse_declared.ts";
import type { DocumentKind } from "../../core/nodes/documents.ts";
import type { Namespace, NetworkPolicy, Parsed, Pod } from "../../core/policy/objects.ts";
import { parseNamespace } from "../../core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../core/policy/parse_network_policy.ts";
import { parsePod } from "../../core/policy/parse_pod.ts";
import { pickPod } from "../../core/policy/pick_policy_object.ts";
import type { DeclaredSource } from "./declared_source.ts";
import { FileSource } from "./file_source.ts";
import type { NodeSource, SourceOptions, SourceState } from "./node_source.ts";
import type { PolicyListeners, PolicySource } from "./policy_source.ts";

const DECLARED_KINDS: ReadonlySet<string> = new Set(DECLARED.map(({ name }) => name));
const KINDS: ReadonlySet<DocumentKind> = new Set([
  ...["Node", "Pod", "Namespace", "NetworkPolicy"] as const,
  ...DECLARED.map(({ name }) => name),
]);

/** One of a declared network. */
class DeclaredItem {
  constructor(readonly key: string, readonly parsed: ParsedDeclared) {}
}

/** What policies are made of. */
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

type Item<T> = T | PolicyObject | DeclaredItem;

/** Nodes as they were asked for, and the others. */
export class FileObjects<T> implements NodeSource<T> {
  readonly #files: FileSource<Item<T>>;
  readonly #known = new Map<string, PolicyObject>();
  #listeners: PolicyListeners | undefined;
  #onPolicyChange: () => void = () => {};
  #onDeclaredChange: () => void = () => {};
  #declaredOf: readonly Item<T>[] | undefined;
  #declaredItems: readonly ParsedDeclared[] = [];
  #read: SourceState<Item<T>> | undefined;
  #nodes: SourceState<T> | undefined;

  /** @param refillMs as of the files */
  constructor(
    readonly places: readonly string[],
    { parse, onChange, nameOf }: SourceOptions<T>,
    refillMs?: number,
  ) {
    this.#files = new FileSource<Item<T>>(places, {
      kinds: KINDS,
      ...(refillMs !== undefined && { refillMs }),
      parse: (json, origin) =>
        declaredItem(json, origin) ?? policyObject(json, origin) ?? parse(json, origin),
      isVital: isNode,
      isLasting: (item) => item instanceof DeclaredItem,
      nameOf: (item) => isNode(item) ? nameOf?.(item) : item.key,
      onChange: () => {
        this.#tell();
        this.#onPolicyChange(); // also where nothing but problems has changed
        this.#onDeclaredChange();
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

  /** Declared networks, with the life of these files. What nodes say of themselves is not in files. */
  openDeclared(): DeclaredSource {
    return {
      declared: () => this.#declared(),
      tenants: () => "listed",
      listen: (onChange) => void (this.#onDeclaredChange = onChange),
      needNodes: () => {},
      nodes: () => undefined,
      problems: () => [],
      start: () => {},
      close: () => Promise.resolve(),
    };
  }

  /** One that stands in two files is what the last one says; undefined while a file was never read. */
  #declared(): readonly ParsedDeclared[] | undefined {
    if (!this.#isComplete()) return undefined;
    const { items } = this.#files.state();
    if (items === this.#declaredOf) return this.#declaredItems;
    const found = new Map<string, ParsedDeclared>();
    for (const item of items) if (item instanceof DeclaredItem) found.set(item.key, item.parsed);
    this.#declaredOf = items;
    return this.#declaredItems = [...found.values()];
  }

  async start(): Promise<void> {
    await this.#files.start();
    this.#tell();
    this.#onPolicyChange();
    this.#onDeclaredChange();
  }

  state(): SourceState<T> {
    const read = this.#files.state();
    if (read !== this.#read || this.#nodes === undefined) {
      this.#read = read;
      this.#nodes = { ...read, items: read.items.filter(isNode<T>) };
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

function isNode<T>(item: Item<T>): item is T {
  return !(item instanceof PolicyObject) && !(item instanceof DeclaredItem);
}

function declaredItem(json: unknown, origin: string): DeclaredItem | undefined {
  const { kind } = json as { kind: DocumentKind };
  if (!DECLARED_KINDS.has(kind)) return undefined;
  const parsed = parseDeclared(kind as KindName, json, origin);
  return new DeclaredItem(`${kind} ${(parsed.object ?? parsed.rejected)?.name}`, parsed);
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
    default:
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
