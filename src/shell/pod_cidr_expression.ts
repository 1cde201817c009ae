// The expression that gives this node's pod CIDRs: loaded and checked before anything is touched, followed when its file
// changes. What it gives is decided in core/expression.

import { compileExpression, type Expression } from "../core/expression/expression.ts";
import { type Interfaces, interfacesText } from "../core/expression/interfaces.ts";
import type { CelLibrary } from "../core/expression/cel_library.ts";
import type { Prefix } from "../core/net/prefix.ts";
import { Refusal, refused } from "../core/net/refusal.ts";
import type { NodeMetadata } from "../core/nodes/node.ts";
import { expressionFamilies, SETTINGS, type Settings } from "../core/settings/settings.ts";
import { readText } from "./files.ts";
import { readInterfaces } from "./read_facts.ts";

/** The agent cannot start with this. Nothing was changed, and to try again is up to who started it. */
export class CannotStart extends Error {}

function sawText(interfaces: Interfaces): string {
  return `the interfaces that it saw: ${interfacesText(interfaces)}`;
}

/** What the last reading gave. */
interface Given {
  readonly prefixes: readonly Prefix[];
  /** Why the prefixes are older than what was read; undefined: they are not. */
  readonly trouble: string | undefined;
}

const OF_NODE = /\bnode\b/;

/** The expression of the settings. */
export class PodCidrExpression {
  readonly #settings: Settings;
  readonly #cel: CelLibrary;
  #text: string | undefined;
  #expression: Expression | Refusal = new Refusal("it was not read yet");

  private constructor(settings: Settings, cel: CelLibrary) {
    this.#settings = settings;
    this.#cel = cel;
  }

  /**
   * Loads the library, reads the expression and checks its types.
   * @returns undefined when no setting asks for one: the library stays where it is
   * @throws CannotStart when it is none
   */
  static async load(settings: Settings): Promise<PodCidrExpression | undefined> {
    if (expressionFamilies(settings).length === 0) return undefined;
    const cel = await import("@marcbachmann/cel-js") as unknown as CelLibrary;
    const loaded = new PodCidrExpression(settings, cel);
    const read = await loaded.#follow();
    const refusal = refused(read) ? read : loaded.#expression;
    if (refused(refusal)) {
      throw loaded.#cannotStart(refusal.reason, await readInterfaces(settings).catch(() => new Map()));
    }
    return loaded;
  }

  /**
   * Tries it, if it asks for nothing of our Node, which is not known as early as this.
   * @throws CannotStart when it gives no pod CIDRs
   */
  async requireGood(): Promise<void> {
    if (OF_NODE.test(this.#text ?? "")) return;
    const node = { name: this.#settings.nodeName, labels: {}, annotations: {} };
    await this.read({ interfaces: await readInterfaces(this.#settings), node }, []);
  }

  #cannotStart(reason: string, interfaces: Interfaces): CannotStart {
    return new CannotStart(`${this.name}: ${reason}; ${sawText(interfaces)}`);
  }

  /** Where it stands, for messages. */
  get name(): string {
    const { podCidrExpressionPath: path } = this.#settings;
    return path === "" ? SETTINGS.podCidrExpression.env : `${SETTINGS.podCidrExpressionPath.env} ${path}`;
  }

  /**
   * Reads and evaluates.
   * @param last what it gave before: it stays when nothing good comes of this time
   * @throws CannotStart when nothing good comes of it and there is nothing before
   */
  async read(
    { interfaces, node }: { readonly interfaces: Interfaces; readonly node: NodeMetadata },
    last: readonly Prefix[],
  ): Promise<Given> {
    const read = await this.#follow();
    const families = expressionFamilies(this.#settings);
    const result = refused(this.#expression)
      ? this.#expression
      : this.#expression({ interfaces, node, families });
    const reason = refused(read) ? read.reason : refused(result) ? result.reason : undefined;
    if (!refused(result)) {
      return { prefixes: result, trouble: reason && `${reason}; the expression before stays in force` };
    }
    if (last.length === 0) throw this.#cannotStart(reason!, interfaces);
    return { prefixes: last, trouble: `${reason}; its last CIDRs are kept; ${sawText(interfaces)}` };
  }

  /** Takes in the text; a Refusal when that is worse than what is there, which stays then. */
  async #follow(): Promise<Refusal | undefined> {
    const text = await this.#readText();
    if (refused(text)) return text;
    if (text === this.#text) return undefined;
    const expression = compileExpression(this.#cel, text);
    if (refused(expression) && !refused(this.#expression)) return expression;
    this.#text = text;
    this.#expression = expression;
    return undefined;
  }

  async #readText(): Promise<string | Refusal> {
    const { podCidrExpressionPath: path, podCidrExpression } = this.#settings;
    if (path === "") return podCidrExpression;
    try {
      return await readText(path) ?? new Refusal("the file does not exist");
    } catch (error) {
      return new Refusal((error as Error).message);
    }
  }
}
