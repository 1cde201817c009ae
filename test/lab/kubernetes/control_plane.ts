// A real kube-apiserver with its etcd, on a machine of the laboratory's underlay, with a cable of its own to this test:
// what happens to the network of the agents does not happen to the test.
//
//   n1 ──┐ underlay          eth0 ┌─────┐ admin0        admin
//   n2 ──┴──────── 10.9.1.210 ────┤ api ├──── 10.9.2.1 ─────── this process
//                    fd09::d2     └─────┘

import type { Host } from "../host.ts";
import type { Lab } from "../lab.ts";
import { attempt, type Output, type Process, run } from "../process.ts";
import { Hopeless, until } from "../until.ts";
import { ApiClient } from "./api_client.ts";
import { BINARIES } from "./binaries.ts";
import { makeAuthority, makeCertificates, makeServer } from "./certificates.ts";
import { ISSUER } from "./tokens.ts";

/** How a control plane is made. */
export interface ControlPlaneOptions {
  /** More flags of kube-apiserver. */
  readonly flags?: readonly string[];
}

const ADDRESSES = ["10.9.1.210", "fd09::d2"] as const;
const PORT = 6443;
const ADMIN = { server: "10.9.2.1", client: "10.9.2.2" } as const;
const NAMES = [...ADDRESSES, ADMIN.server];
const READY_MS = 60_000;
const LOG = "audit.log";
/** Deleting what is not there is an error. */
const NO_HOLE = "add table inet hole\ndelete table inet hole\n";
/** Who asked for what, once it is answered; watches when they begin. */
const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", userGroups: ["system:serviceaccounts"] }, { level: "None" }],
};

/** A request that the API server has written down. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly objectRef?: {
    readonly resource: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A control plane. Make it with {@link ControlPlane.create}; its machine ends with the laboratory, close ends the rest. */
export class ControlPlane implements AsyncDisposable {
  #admin: ApiClient | undefined;
  #etcd: Process | undefined;
  #server: Process | undefined;

  private constructor(
    /** Its machine. */
    readonly host: Host,
    /** Keys, certificates, data, audit log. */
    readonly folder: string,
    private readonly flags: readonly string[],
  ) {}

  /** Makes it and waits until it is ready: about four seconds. */
  static async create(lab: Lab, { flags = [] }: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const folder = `${lab.folder}/kubernetes`;
    await makeCertificates(folder, NAMES);
    await Deno.writeTextFile(`${folder}/audit.json`, JSON.stringify(AUDIT_POLICY));
    const host = await lab.addHost("api", ADDRESSES);
    // Two of one name would be in each other's way, and a laboratory before this one may not be gone yet.
    await attempt(["ip", "link", "del", "admin"]);
    await run([
      "ip",
      "link",
      "add",
      "admin",
      "type",
      "veth",
      "peer",
      "name",
      "admin0",
      "netns",
      `${host.pid}`,
    ]);
    await run(["ip", "address", "add", `${ADMIN.client}/30`, "dev", "admin"]);
    await run(["ip", "link", "set", "admin", "up"]);
    await host.ip([`address add ${ADMIN.server}/30 dev admin0`, "link set admin0 up"]);
    const plane = new ControlPlane(host, folder, flags);
    plane.startEtcd();
    await plane.start();
    return plane;
  }

  /** What a pod of this cluster finds in its environment. */
  get environment(): Readonly<Record<string, string>> {
    return { KUBERNETES_SERVICE_HOST: ADDRESSES[0], KUBERNETES_SERVICE_PORT: `${PORT}` };
  }

  /** Where nodes reach it. */
  get url(): string {
    return `https://${ADDRESSES[0]}:${PORT}`;
  }

  /** Where this process reaches it. */
  get adminUrl(): string {
    return `https://${ADMIN.server}:${PORT}`;
  }

  /** A client that may do everything. */
  get admin(): ApiClient {
    if (this.#admin === undefined) throw new Error("The API server was not started yet");
    return this.#admin;
  }

  /** Process id of kube-apiserver. */
  get serverPid(): number {
    return this.#server!.pid;
  }

  /** Text of one of its files: `ca.crt`, `admin.key`, `accounts.key`. */
  file(name: string): Promise<string> {
    return Deno.readTextFile(`${this.folder}/${name}`);
  }

  /** Starts etcd on its data; kube-apiserver waits for it. */
  startEtcd(): void {
    const client = "http://127.0.0.1:2379";
    this.#etcd = this.host.start([
      ...[BINARIES.etcd, `--data-dir=${this.folder}/etcd`, `--listen-client-urls=${client}`],
      ...[
        `--advertise-client-urls=${client}`,
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=error",
      ],
      // Its disk is memory. 5,000 Nodes and their changes fit.
      ...["--unsafe-no-fsync", `--quota-backend-bytes=${2 ** 32}`],
    ]);
  }

  /** Starts kube-apiserver; resolves when it is ready. */
  async start(): Promise<void> {
    const path = (name: string) => `${this.folder}/${name}`;
    this.#server = this.host.start([
      ...[BINARIES.apiserver, "--etcd-servers=http://127.0.0.1:2379", `--secure-port=${PORT}`],
      ...["--bind-address=::", `--advertise-address=${ADDRESSES[0]}`, `--cert-dir=${path("made")}`],
      "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
      ...[`--client-ca-file=${path("ca.crt")}`, `--tls-cert-file=${path("server.crt")}`],
      ...[`--tls-private-key-file=${path("server.key")}`, "--authorization-mode=Node,RBAC"],
      ...[`--service-account-issuer=${ISSUER}`, `--service-account-key-file=${path("accounts.pub")}`],
      ...[`--service-account-signing-key-file=${path("accounts.key")}`, "--allow-privileged=true"],
      ...[`--audit-policy-file=${path("audit.json")}`, `--audit-log-path=${path(LOG)}`],
      ...["--shutdown-delay-duration=0s", "--v=1", ...this.flags],
    ]);
    await this.ready();
  }

  /** Waits until kube-apiserver, and etcd behind it, answer. */
  async ready(): Promise<void> {
    const server = this.#server!;
    await until("kube-apiserver to be ready", async () => {
      if (!server.isRunning) throw new Hopeless("it has ended");
      // A client of a dead server does not always notice.
      this.#admin?.[Symbol.dispose]();
      this.#admin = await this.#client();
      return (await this.#admin.ask("/readyz")).body === "ok";
    }, { deadlineMs: READY_MS, pauseMs: 100, seen: () => server.tail() });
  }

  /** kill -9, as the kernel's memory killer does. */
  async kill(): Promise<void> {
    await this.#server!.kill("SIGKILL");
  }

  /** An orderly end: it tells its clients. */
  async stop(): Promise<void> {
    await this.#server!.kill("SIGTERM", 90_000);
  }

  /**
   * Comes back with a certificate by another CA of the same name. Clients are known by the old one too.
   * @returns the new CA, PEM
   */
  async renewAuthority(): Promise<string> {
    const next = `${this.folder}/next`;
    await makeAuthority(next);
    await makeServer(next, NAMES);
    const ca = await Deno.readTextFile(`${next}/ca.crt`);
    await Deno.writeTextFile(`${this.folder}/ca.crt`, ca, { append: true });
    for (const name of ["server.crt", "server.key"]) {
      await Deno.copyFile(`${next}/${name}`, `${this.folder}/${name}`);
    }
    await this.kill();
    await this.start();
    return ca;
  }

  async killEtcd(): Promise<void> {
    await this.#etcd!.kill("SIGKILL");
  }

  /** Has something done to etcd's data, in `folder`/etcd, while nobody uses it. */
  async whileStopped(act: () => Promise<unknown>): Promise<void> {
    await this.kill();
    await this.killEtcd();
    await act();
    this.startEtcd();
    await this.start();
  }

  /** Runs kubectl as administrator; returns what it printed. */
  async kubectl(args: readonly string[], stdin?: string): Promise<Output> {
    const path = (name: string) => `${this.folder}/${name}`;
    const identity = [`--client-certificate=${path("admin.crt")}`, `--client-key=${path("admin.key")}`];
    const server = [`--server=${this.adminUrl}`, `--certificate-authority=${path("ca.crt")}`];
    const env = { HOME: this.folder };
    const argv = [BINARIES.kubectl, ...server, ...identity, ...args];
    return await attempt(argv, { env, deadlineMs: 60_000, ...(stdin === undefined ? {} : { stdin }) });
  }

  /** The same, and it must succeed; returns its standard output. */
  async mustKubectl(args: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, stdin);
    if (code === 0) return stdout;
    throw new Error(`kubectl ${args.join(" ")} exited ${code}: ${stderr.trim()}`);
  }

  /** From now on no packet of the nodes comes through, and nobody is told. */
  async blackHole(): Promise<void> {
    await this.#drop("iifname eth0 meta l4proto tcp drop", "oifname eth0 meta l4proto tcp drop");
  }

  /** All packets come through. */
  async mend(): Promise<void> {
    await this.host.run(["nft", "-f", "-"], { stdin: NO_HOLE });
  }

  /** Connections that stand now are dead for good and nobody is told; new ones work. Returns how many there were. */
  async halfOpen(): Promise<number> {
    const argv = ["ss", "-Htn", "state", "established", `( sport = :${PORT} )`];
    const ports = (await this.host.run(argv)).split("\n")
      .filter((line) => line !== "" && !line.includes(ADMIN.client))
      .map((line) => /:(\d+)\s*$/.exec(line)![1]!);
    if (ports.length === 0) return 0;
    const set = `{ ${[...new Set(ports)].join(", ")} }`;
    await this.#drop(`iifname eth0 tcp sport ${set} drop`, `oifname eth0 tcp dport ${set} drop`);
    return ports.length;
  }

  async #drop(input: string, output: string): Promise<void> {
    const chain = (hook: string, rule: string) =>
      `chain ${hook} { type filter hook ${hook} priority 0; ${rule}; }`;
    const table = `table inet hole { ${chain("input", input)}; ${chain("output", output)}; }\n`;
    await this.host.run(["nft", "-f", "-"], { stdin: NO_HOLE + table });
  }

  /** Lets etcd forget all but the present: who resumes a watch from before is told 410. */
  async compact(): Promise<void> {
    const post = async (path: string, body: unknown) => {
      const argv = ["curl", "-sS", "--fail-with-body", "-d", JSON.stringify(body)];
      return JSON.parse(await this.host.run([...argv, `http://127.0.0.1:2379/v3/kv/${path}`]));
    };
    const { header } = await post("range", { key: "AA==", limit: "1" });
    await post("compaction", { revision: header.revision, physical: true });
  }

  /** What service accounts have asked for so far. */
  async auditEvents(): Promise<AuditEvent[]> {
    const lines = (await this.file(LOG)).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as AuditEvent);
  }

  /** A client with a token instead of a certificate, at the administrator's cable. */
  async clientWith(token: string): Promise<ApiClient> {
    return new ApiClient(this.adminUrl, { ca: await this.file("ca.crt"), token });
  }

  async #client(): Promise<ApiClient> {
    const [ca, cert, key] = await Promise.all(
      ["ca.crt", "admin.crt", "admin.key"].map((name) => this.file(name)),
    );
    return new ApiClient(this.adminUrl, { ca: ca!, cert: cert!, key: key! });
  }

  /** The laboratory ends the programs. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#admin?.[Symbol.dispose]();
    return Promise.resolve();
  }
}
