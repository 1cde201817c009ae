// The pods and Services that the tests use: agnhost, which says who it is and who asked.

import { TEST_IMAGE } from "../lab/kind/node_image.ts";

/** Where they are. */
export const NAMESPACE = "e2e";
/** Where the pod `guest` is, of {@link guestManifests}. */
export const GUESTS = "e2e-guests";
/** agnhost's ports: HTTP and UDP of a pod, HTTP of a pod in its node's network. */
export const HTTP = 8080, UDP = 8081, NODE_HTTP = 18080;
/** Ports of nodes: to the Service of two pods, to the Service of `far` by either policy, and the hostPort of `far`. */
export const NODE_PORT = 30080, FAR_PORT = 30081, LOCAL_PORT = 30082, HOST_PORT = 30090;

/** All of it, as one manifest; `one` and `two` on the near node, `far` on the other one. */
export function manifests(near: string, far: string): string {
  const items = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    pod("one", near, {}),
    pod("two", near, { labels: { role: "web" } }),
    pod("far", far, { labels: { role: "web", place: "far" }, hostPort: HOST_PORT }),
    hostPod("host-one", near),
    hostPod("host-far", far),
    service("web", { role: "web" }, { nodePort: NODE_PORT }),
    service("far", { place: "far" }, { nodePort: FAR_PORT }),
    service("far-local", { place: "far" }, { nodePort: LOCAL_PORT, externalTrafficPolicy: "Local" }),
  ];
  return items.map((item) => JSON.stringify(item)).join("\n---\n");
}

/** Another namespace with a pod of its own, `guest`. */
export function guestManifests(nodeName: string): string {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: GUESTS } };
  return [namespace, pod("guest", nodeName, { namespace: GUESTS })].map((item) => JSON.stringify(item)).join(
    "\n---\n",
  );
}

/** A pod that is ready once kubelet has reached it by HTTP and by TCP. */
export function probedManifest(name: string, nodeName: string): string {
  const startupProbe = { tcpSocket: { port: HTTP }, periodSeconds: 1 };
  return JSON.stringify(pod(name, nodeName, { probes: { startupProbe } }));
}

const CONTAINER = { name: "agnhost", image: TEST_IMAGE, imagePullPolicy: "IfNotPresent" };

interface PodOptions {
  readonly labels?: Record<string, string>;
  readonly hostPort?: number;
  readonly namespace?: string;
  readonly probes?: Readonly<Record<string, unknown>>;
}

function pod(name: string, nodeName: string, options: PodOptions): unknown {
  const { labels = {}, hostPort, namespace = NAMESPACE, probes } = options;
  const port = { name: "http", containerPort: HTTP, ...(hostPort !== undefined && { hostPort }) };
  const args = ["netexec", `--http-port=${HTTP}`, `--udp-port=${UDP}`];
  const containers = [{ ...CONTAINER, args, ports: [port], readinessProbe: readiness(HTTP), ...probes }];
  return object({ name, namespace, labels }, { nodeName, containers });
}

function hostPod(name: string, nodeName: string): unknown {
  const args = ["netexec", `--http-port=${NODE_HTTP}`, "--udp-port=18081"];
  const containers = [{ ...CONTAINER, args, readinessProbe: readiness(NODE_HTTP) }];
  const metadata = { name, namespace: NAMESPACE };
  return object(metadata, { nodeName, hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet", containers });
}

function readiness(port: number): unknown {
  return { httpGet: { path: "/hostname", port }, periodSeconds: 1 };
}

function object(metadata: Record<string, unknown>, spec: Record<string, unknown>): unknown {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { terminationGracePeriodSeconds: 0, tolerations: [{ operator: "Exists" }], ...spec },
  };
}

function service(
  name: string,
  selector: Record<string, string>,
  { nodePort, ...spec }: { readonly nodePort: number; readonly externalTrafficPolicy?: string },
): unknown {
  const ports = [{ port: 80, targetPort: HTTP, nodePort }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: NAMESPACE },
    spec: { type: "NodePort", ipFamilyPolicy: "PreferDualStack", selector, ports, ...spec },
  };
}
