import { describeSource, type Harness } from "../../../../test/sources/behaviour.ts";
import { sourceOn } from "../../../../test/sources/api_source.ts";
import { FakeApi } from "../../../../test/sources/fake_api.ts";
import type { Item } from "../../../../test/sources/trial.ts";
import type { SourceOptions } from "../node_source.ts";
import type { KubernetesSource } from "./kubernetes_source.ts";

/** An API that does not listen before `appear`; it answers with protocol buffers or with JSON alone. */
class Cluster implements Harness, AsyncDisposable {
  #api: FakeApi | undefined;
  readonly #port = freePort();

  constructor(private readonly speaksProtobuf: boolean) {}

  open(options: SourceOptions<Item>): KubernetesSource<Item> {
    return sourceOn(`http://127.0.0.1:${this.#port}`, options);
  }

  put(node: Record<string, unknown>): Promise<void> {
    this.#api!.put(node);
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.#api!.remove(name);
    return Promise.resolve();
  }

  appear(): Promise<void> {
    this.#api = new FakeApi(this.#port);
    this.#api.speaksProtobuf = this.speaksProtobuf;
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api?.[Symbol.asyncDispose]();
  }
}

function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  listener.close();
  return (listener.addr as Deno.NetAddr).port;
}

describeSource("kubernetes", () => Promise.resolve(new Cluster(true)));
describeSource("kubernetes in JSON", () => Promise.resolve(new Cluster(false)));
