// deploy/kubernetes says what the program is: its settings, its folders, its programs, and not a permission more.

import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { refused } from "../../src/core/net/refusal.ts";
import type { Setting } from "../../src/core/settings/grammar.ts";
import { SETTINGS } from "../../src/core/settings/settings.ts";
import { WRITABLE } from "../../src/core/shipped/flags.ts";
import { NODE_PLUGINS } from "../../src/core/shipped/plugins.ts";
import { PROGRAM_PATHS } from "../../src/core/shipped/programs.ts";
import {
  CLEANUP,
  type Container,
  file,
  FILES,
  type Manifest,
  podsOf,
  type PodSpec,
  type Volume,
} from "./manifests.ts";

const BY_ENV = new Map<string, Setting<unknown>>(Object.values(SETTINGS).map((it) => [it.env, it]));
const AGENTS = FILES.flatMap((file) => podsOf(file).flatMap(({ containers = [] }) => containers))
  .filter(({ name }) => name === "wigglenet");
const TUN = "/dev/net/tun";

function agentOf(path: string): Container {
  const [container] = podsOf(file(path))[0]!.containers!;
  return container!;
}

function mountPaths({ volumeMounts = [] }: Container): string[] {
  return volumeMounts.filter(({ $patch }) => $patch === undefined).map(({ mountPath }) => mountPath);
}

Deno.test("Every variable of a manifest is a setting, and its value is one that the setting takes", () => {
  const init = FILES.flatMap(podsOf).flatMap(({ initContainers = [] }) => initContainers);
  const given = [...AGENTS, ...init].flatMap(({ env = [] }) => env);
  assert.ok(given.length > 10);
  for (const { name, value, valueFrom } of given) {
    const setting = BY_ENV.get(name);
    assert.ok(setting !== undefined, `${name} is no setting`);
    if (valueFrom !== undefined) continue;
    const parsed = setting.parse(value!);
    assert.ok(parsed !== undefined && !refused(parsed), `${name}: ${value}; accepted: ${setting.accepts}`);
  }
});

Deno.test("The agent's folders are those that it may write as shipped, each at the same path inside and outside", () => {
  assert.deepEqual(
    mountPaths(agentOf("base/daemonset.yaml")).sort(),
    [...WRITABLE.filter((path) => path !== "/var/run/wireguard"), NODE_PLUGINS].sort(),
  );
  const readOnly = agentOf("base/daemonset.yaml").volumeMounts!.filter((mount) => mount.readOnly);
  assert.deepEqual(readOnly.map(({ mountPath }) => mountPath), [NODE_PLUGINS]);
  assert.deepEqual(mountPaths(agentOf("userspace/kustomization.yaml")), ["/var/run/wireguard", TUN]);
  assert.deepEqual(mountPaths(agentOf("firewall-only/kustomization.yaml")), []);
  for (const pod of FILES.flatMap(podsOf)) {
    const volumes = new Map<string, Volume>((pod.volumes ?? []).map((volume) => [volume.name, volume]));
    for (const { name, mountPath, $patch } of pod.containers!.flatMap((it) => it.volumeMounts ?? [])) {
      if ($patch === "delete") continue;
      const { hostPath } = volumes.get(name!)!;
      assert.equal(hostPath!.path, mountPath.replace("/var/run/", "/run/").replace("/run/host", "/run"));
      const types: Readonly<Record<string, string>> = { [TUN]: "CharDevice", "/run/host": "Directory" };
      assert.equal(hostPath!.type, types[mountPath] ?? "DirectoryOrCreate");
    }
  }
});

/** Where kubelet and runtimes mount something themselves; of the image /var/run is /run. */
const OF_RUNTIMES = [
  "/run/secrets/kubernetes.io/serviceaccount",
  "/run/.containerenv",
  "/etc/hosts",
  "/dev/shm",
];

Deno.test("No mount stands over a place where the runtime has to make one: in a folder of the host's it could not", () => {
  for (
    const { path, pod } of FILES.flatMap((file) => podsOf(file).map((pod) => ({ path: file.path, pod })))
  ) {
    for (const mountPath of (pod.containers ?? []).flatMap(mountPaths)) {
      const over = `${mountPath.replace(/^[/]var[/]run/, "/run")}/`;
      assert.deepEqual(OF_RUNTIMES.filter((it) => it.startsWith(over)), [], `${path}: ${mountPath}`);
    }
  }
});

/** Those of agents that enter containers: what they have more than others. */
const ENTERING: Readonly<Record<string, { readonly pod: unknown; readonly add: readonly string[] }>> = {
  "declared-containers/kustomization.yaml": { pod: undefined, add: ["NET_ADMIN", "SYS_ADMIN"] },
  "declared-engines/kustomization.yaml": {
    pod: { appArmorProfile: { type: "Unconfined" } },
    add: ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"],
  },
};

Deno.test("Who enters containers has SYS_ADMIN more, and beside their files nothing; who asks engines may see processes", () => {
  for (const [path, { pod, add }] of Object.entries(ENTERING)) {
    const [spec] = podsOf(file(path)) as [PodSpec];
    assert.deepEqual(spec.securityContext, pod, path);
    assert.equal(spec.hostPID, path.includes("engines") ? true : undefined, path);
    assert.deepEqual(agentOf(path).securityContext, { capabilities: { add } }, path);
  }
  const { volumeMounts, env } = agentOf("declared-containers/kustomization.yaml");
  assert.deepEqual(volumeMounts!.map(({ mountPath, readOnly }) => [mountPath, readOnly]), [
    ["/run/netns", true],
    ["/var/lib/cni/results", true],
  ]);
  assert.deepEqual(env, [{ name: "DECLARED_CONTAINERS", value: "true" }]);
});

Deno.test("No other container has a power beside NET_ADMIN, nor a patch that gives it one", () => {
  const whole = ["base/daemonset.yaml", "userspace/wireguard-go.yaml"];
  for (
    const { path, pod } of FILES.flatMap((file) => podsOf(file).map((pod) => ({ path: file.path, pod })))
  ) {
    if (path in ENTERING) continue;
    for (const field of ["hostPID", "hostIPC", "shareProcessNamespace"]) {
      assert.equal(pod[field], undefined, `${path}: ${field}`);
    }
    const init = (pod.initContainers ?? []).filter(({ $patch }) => $patch === undefined);
    assert.deepEqual(init.map(({ name }) => name), path === "base/daemonset.yaml" ? ["install-cni"] : []);
    for (const { securityContext } of pod.containers!) {
      assert.deepEqual(
        securityContext,
        whole.includes(path)
          ? {
            runAsUser: 0,
            runAsGroup: 0,
            privileged: false,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
          }
          : undefined,
        path,
      );
    }
    const profile = { seccompProfile: { type: "RuntimeDefault" } };
    assert.deepEqual(pod.securityContext, whole.includes(path) ? profile : undefined, path);
  }
});

Deno.test("No pod is held back by a limit of processor time, and each starts on every node before others", () => {
  for (
    const { path, pod } of FILES.flatMap((file) => podsOf(file).map((pod) => ({ path: file.path, pod })))
  ) {
    for (const { resources } of pod.containers!) assert.equal(resources?.limits?.cpu, undefined, path);
    if (path.endsWith("kustomization.yaml")) continue;
    const { hostNetwork, priorityClassName, tolerations } = pod;
    assert.deepEqual({ hostNetwork, priorityClassName, tolerations }, {
      hostNetwork: true,
      priorityClassName: "system-node-critical",
      tolerations: [{ operator: "Exists" }],
    }, path);
  }
});

Deno.test("What installs CNI plugins has no power at all, and one folder", () => {
  const [install] = podsOf(file("base/daemonset.yaml"))[0]!.initContainers!;
  const { securityContext } = agentOf("base/daemonset.yaml");
  assert.deepEqual(install!.securityContext, { ...securityContext, capabilities: { drop: ["ALL"] } });
  assert.deepEqual(mountPaths(install!), [NODE_PLUGINS]);
});

Deno.test("The Job that cleans up is what the agent was: its image, its powers, its folders", () => {
  const [pod] = podsOf(CLEANUP) as [PodSpec];
  const [container] = pod.containers as [Container];
  const agent = agentOf("base/daemonset.yaml");
  assert.equal(container.image, `wigglenet:${project.version}`);
  assert.deepEqual(container.securityContext, agent.securityContext);
  assert.deepEqual(mountPaths(container), mountPaths(agent).filter((path) => path !== NODE_PLUGINS));
  const { hostNetwork, tolerations, securityContext } = podsOf(file("base/daemonset.yaml"))[0]!;
  assert.deepEqual([pod.hostNetwork, pod.tolerations, pod.securityContext], [
    hostNetwork,
    tolerations,
    securityContext,
  ]);
});

interface Identified extends Manifest {
  readonly metadata: { readonly name: string; readonly namespace: string };
}

Deno.test("The names are the original's, so that applying it over the original is a rolling update", () => {
  const [daemonSet] = file("base/daemonset.yaml").manifests as unknown as (Identified & {
    readonly spec: Readonly<Record<string, unknown>>;
  })[];
  assert.deepEqual([daemonSet!.metadata.namespace, daemonSet!.metadata.name], ["kube-system", "wigglenet"]);
  assert.deepEqual(daemonSet!.spec.selector, { matchLabels: { app: "wigglenet" } });
  assert.deepEqual(daemonSet!.spec.updateStrategy, {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: 1 },
  });
});

Deno.test("The policy is about the account that the agent runs as", () => {
  const account = file("base/rbac.yaml").manifests.find(({ kind }) =>
    kind === "ServiceAccount"
  ) as Identified;
  const { name, namespace } = account.metadata;
  assert.equal(podsOf(file("base/daemonset.yaml"))[0]!.serviceAccountName, name);
  const policy = JSON.stringify(file("base/admission-policy.yaml").manifests);
  assert.ok(policy.includes(`request.userInfo.username == 'system:serviceaccount:${namespace}:${name}'`));
});

Deno.test("The image is of this version, and so is wireguard-go's, which serves the default interface", () => {
  const tagged = FILES.flatMap(({ path, manifests }) =>
    manifests.flatMap(({ images }) => images === undefined ? [] : [{ path, images }])
  );
  assert.deepEqual(tagged.map(({ path }) => path), [
    "base/kustomization.yaml",
    "userspace/kustomization.yaml",
  ]);
  for (const { images } of tagged) assert.deepEqual(images, [{ name: "wigglenet", newTag: project.version }]);
  const { command, image } = agentOf("userspace/wireguard-go.yaml");
  assert.equal(image, "wigglenet");
  assert.deepEqual(command, [PROGRAM_PATHS["wireguard-go"][0], "-f", SETTINGS.interfaceName.fallback]);
});

Deno.test("Kubelet asks for health where the agent answers, and nobody else can", () => {
  const { env, readinessProbe, livenessProbe } = agentOf("base/daemonset.yaml");
  const address = env!.find(({ name }) => name === "HEALTH_BIND_ADDR")!.value!;
  for (const [probe, path] of [[readinessProbe, "/readyz"], [livenessProbe, "/healthz"]]) {
    const { host, port, path: asked } = (probe as { httpGet: Readonly<Record<string, unknown>> }).httpGet;
    assert.deepEqual([`${host}:${port}`, asked], [address, path]);
  }
  assert.match(address, /^127\.0\.0\.1:/);
});

Deno.test("The agent's account may do this and nothing else", () => {
  const files = [file("base/rbac.yaml"), file("base/events-rbac.yaml")];
  const all = files.flatMap(({ manifests }) => manifests);
  const rules = all.filter(({ kind }) => kind.endsWith("Role")) as unknown as readonly {
    readonly metadata: { readonly namespace?: string };
    readonly rules: readonly unknown[];
  }[];
  assert.deepEqual(rules.map(({ metadata, rules }) => [metadata.namespace ?? "everywhere", ...rules]), [
    [
      "everywhere",
      { apiGroups: [""], resources: ["nodes"], verbs: ["list", "watch", "patch"] },
      { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list", "watch"] },
      { apiGroups: [""], resources: ["namespaces", "pods"], verbs: ["list", "watch"] },
      { apiGroups: ["networking.wigglenet.dev"], resources: ["wireguardnetworkplans"], verbs: ["list"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
    ],
    [
      "kube-system",
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        resourceNames: ["wigglenet-events"],
        verbs: ["get", "update"],
      },
    ],
  ]);
});
