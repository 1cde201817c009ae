// What policies are made of, from a real API server: test/sources/policy_behaviour.ts, in protocol buffers, with its field
// selectors.

import assert from "node:assert/strict";
import { parseListPage } from "../../src/core/kubernetes/object_list.ts";
import { NETWORK_POLICIES, podsBeside, podsOf, type Resource } from "../../src/core/kubernetes/resource.ts";
import { refused } from "../../src/core/net/refusal.ts";
import { pickNetworkPolicy, pickPod } from "../../src/core/policy/pick_policy_object.ts";
import { formatOf } from "../../src/shell/sources/kubernetes/answer_format.ts";
import { ApiClient } from "../../src/shell/sources/kubernetes/api_client.ts";
import { ApiPolicySource } from "../../src/shell/sources/kubernetes/api_policy_source.ts";
import { readBody } from "../../src/shell/sources/kubernetes/body.ts";
import { ControlPlane } from "../lab/kubernetes/control_plane.ts";
import { putObject, removeAll, removeObject } from "../lab/kubernetes/policy_objects.ts";
import { Lab } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { describePolicyFeed, type PolicyHarness, PolicyTrial } from "../sources/policy_behaviour.ts";
import { HERE, namespaceOf, podOf, policyOf } from "../sources/policy_world.ts";

const lab = await Lab.create({ nodes: 0 });
// Pods need no account here: nobody runs them.
const plane = await ControlPlane.create(lab, { flags: ["--disable-admission-plugins=ServiceAccount"] });
Deno.test.afterAll(async () => {
  await plane[Symbol.asyncDispose]();
  await lab.close();
});
await run(["ip", "link", "set", "lo", "up"]);
await until(
  "the namespace default",
  async () => (await plane.admin.ask("/api/v1/namespaces/default")).status === 200,
);

const access = {
  caCerts: [await plane.file("ca.crt")],
  headers: {},
  pair: { cert: await plane.file("admin.crt"), key: await plane.file("admin.key") },
};

function client(): ApiClient {
  const credentials = {
    server: plane.adminUrl,
    identity: "the administrator",
    namespace: undefined,
    read: () => Promise.resolve(access),
  };
  return new ApiClient(credentials, 10_000);
}

async function makeHarness(): Promise<PolicyHarness> {
  await removeAll(plane.admin);
  return {
    open: (user) => new ApiPolicySource({ ...user, client: client(), lingerMs: 0 }),
    put: (object) => putObject(plane.admin, object),
    remove: (kind, name) => removeObject(plane.admin, kind, name),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describePolicyFeed("a real API", makeHarness, { takesJunk: false });

/** All objects of a resource as the API lists them in one form. */
async function listed(accept: string, { path, query, ...resource }: Resource): Promise<unknown[]> {
  const from = client();
  try {
    const response = await from.ask({
      verb: "list",
      what: resource.plural,
      resource,
      path: `${path}?${new URLSearchParams(query)}`,
      accept,
      controller: new AbortController(),
    });
    assert.equal(response.headers.get("content-type")!.split(";")[0], accept);
    const bytes = await readBody(response, { maxBytes: 8 << 20, onPart: () => {} });
    const page = parseListPage(bytes, formatOf(response).encoding, resource.kind);
    if (refused(page)) throw new Error(page.reason);
    return [...page.items];
  } finally {
    from.renew();
  }
}

const FULL_POD = {
  ...podOf("full", { labels: { empty: "" } }),
  spec: {
    nodeName: HERE,
    initContainers: [{
      name: "side",
      image: "i",
      restartPolicy: "Always",
      ports: [{ name: "metrics", containerPort: 9090 }],
    }],
    containers: [
      {
        name: "c",
        image: "i",
        env: [{ name: "E", value: "1" }],
        ports: [{ name: "web", containerPort: 80 }, { containerPort: 53, protocol: "UDP" }],
      },
      { name: "d", image: "i" },
    ],
  },
  status: {
    phase: "Running",
    podIP: "10.1.0.7",
    podIPs: [{ ip: "10.1.0.7" }, { ip: "fd00::7" }],
    startTime: "2026-01-01T00:00:00Z",
    conditions: [{ type: "Ready", status: "True" }],
  },
};
const FULL_POLICY = {
  ...policyOf("full", "web"),
  spec: {
    podSelector: {
      matchLabels: { app: "web", empty: "" },
      matchExpressions: [{ key: "tier", operator: "In", values: ["a", "b"] }, {
        key: "x",
        operator: "Exists",
      }],
    },
    ingress: [{}, {
      from: [
        { podSelector: {} },
        { namespaceSelector: {}, podSelector: { matchLabels: { a: "b" } } },
        { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } },
      ],
      ports: [{ port: 80 }, { port: "web", protocol: "UDP" }, {
        port: 8000,
        endPort: 8080,
        protocol: "SCTP",
      }],
    }],
    egress: [{ to: [{ namespaceSelector: { matchLabels: { c: "d" } } }], ports: [{ protocol: "UDP" }] }],
  },
};

Deno.test("a real API says of Pods and NetworkPolicies the same in protocol buffers as in JSON", async () => {
  await removeAll(plane.admin);
  for (const object of [FULL_POD, podOf("bare", { node: "" }), FULL_POLICY, policyOf("bare", "db")]) {
    await putObject(plane.admin, object);
  }
  const kinds = [[podsOf(HERE), pickPod, 1], [NETWORK_POLICIES, pickNetworkPolicy, 2]] as const;
  for (const [resource, pick, count] of kinds) {
    const [json, protobuf] = await Promise.all(
      ["application/json", "application/vnd.kubernetes.protobuf"].map(async (accept) => {
        return JSON.parse(JSON.stringify((await listed(accept, resource)).map(pick)));
      }),
    );
    assert.equal(json.length, count);
    assert.deepEqual(protobuf, json);
  }
});

Deno.test("a real API lists pods of this node apart from those of others; none that has ended or has no node", async () => {
  await removeAll(plane.admin);
  const pods = [
    podOf("here"),
    podOf("there", { node: "n2", ip: "10.1.1.1" }),
    podOf("nowhere", { node: "" }),
  ];
  for (const pod of pods) await putObject(plane.admin, pod);
  for (const [name, phase, node] of [["done", "Succeeded", HERE], ["dead", "Failed", "n2"]] as const) {
    await putObject(plane.admin, { ...podOf(name, { node, ip: "10.1.0.8" }), status: { phase } });
  }
  const names = async (resource: Resource) => {
    const found = await listed("application/vnd.kubernetes.protobuf", resource) as {
      metadata: { name: string };
    }[];
    return found.map(({ metadata: { name } }) => name);
  };
  assert.deepEqual(await names(podsOf(HERE)), ["here"]);
  assert.deepEqual(await names(podsBeside(HERE)), ["there"]);
});

Deno.test("a pod that ends is gone as soon as its status says so", async () => {
  await using harness = await makeHarness();
  for (const object of [namespaceOf("default"), podOf("web"), policyOf("p", "web")]) {
    await harness.put(object);
  }
  await using trial = await PolicyTrial.start(harness);
  await trial.wants("10.1.0.1 closed");
  await plane.admin.patch("/api/v1/namespaces/default/pods/web/status", { status: { phase: "Succeeded" } });
  await trial.wants("");
});
