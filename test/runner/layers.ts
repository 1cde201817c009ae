// The layers of the specification: where each stands, and what its tests may touch.

/** Folders that share their permissions: one `deno test` process, or one for each file. */
export interface TestRun {
  readonly folders: readonly string[];
  /** Flags of `deno test`; without any, its tests can touch nothing. `-P=name` is a permission set of deno.json. */
  readonly flags: readonly string[];
  /** The next run does not wait for its end; what it prints is shown then. */
  readonly isBeside?: true;
  /**
   * So many files at a time, each in a process and namespaces of its own. One of the folders is each lane's, in turn, until it has no
   * more: what mostly waits runs beside what works.
   */
  readonly lanes?: number;
  /** Names of the files that take longest, without `_test.ts`: they are begun first, so that none of them is left over alone. */
  readonly longest?: readonly string[];
}

/**
 * What a layer needs of the machine: nothing, namespaces of its own (a user namespace will do), real root, that and docker and podman, the
 * programs of a Kubernetes control plane, the container image, what nodes with a systemd of their own are made of, a kind cluster, or what it takes to boot a virtual machine:
 * these two are not in a namespace of ours.
 */
export type Need =
  | "nothing"
  | "namespaces"
  | "root"
  | "container engines"
  | "a control plane"
  | "an image"
  | "nodes that boot"
  | "a virtual machine"
  | "a cluster";

/** A layer of tests. */
export interface Layer {
  readonly name: string;
  readonly runs: readonly TestRun[];
  readonly needs: Need;
  /** The task that runs it, for the line that says how to run one test again. */
  readonly task: string;
  /** Run by CI after the rest, and by hand when it matters. */
  readonly isLong: boolean;
  readonly deadlineSeconds: number;
}

const RUNS: Readonly<Record<string, { runs: readonly TestRun[]; needs?: Need; long?: true }>> = {
  unit: {
    // Those of the shell mostly wait for the kernel's events.
    runs: [
      { folders: ["src/shell", "src/cli", "test/deploy"], flags: ["--parallel", "-P=shell"], isBeside: true },
      {
        folders: [
          "src/core",
          "test/bench",
          "test/conformance",
          "test/docs",
          "test/lab",
          "test/lint",
          "test/runner",
        ],
        flags: ["--parallel"],
      },
    ],
  },
  golden: { runs: [{ folders: ["test/golden"], flags: ["--parallel", "-P=golden"] }] },
  laws: { runs: [{ folders: ["test/laws"], flags: ["--parallel"] }] },
  packet: { runs: [{ folders: ["test/packet"], flags: ["-A"], lanes: 3 }], needs: "namespaces" },
  // Those in test/waiting do little but wait.
  netns: {
    runs: [{
      folders: ["test/netns", "test/waiting"],
      flags: ["-A"],
      lanes: 4,
      longest: ["lifecycle", "scenarios", "start", "rest"],
    }],
    needs: "root",
  },
  // Minutes, for what it is about takes minutes.
  slow: {
    runs: [{
      folders: ["test/slow"],
      flags: ["-A"],
      lanes: 2,
      longest: [
        "rotation",
        "declared_names",
        "metrics",
        "endpoints",
        "laws_faults",
        "laws_others",
        "doctor",
        "declared_agents",
      ],
    }, {
      // Outages of less than a second are measured: nothing runs beside.
      folders: ["test/alone"],
      flags: ["-A"],
      lanes: 1,
    }],
    needs: "container engines",
    long: true,
  },
  // Each file has a control plane of its own, and mostly waits.
  api: {
    runs: [{
      folders: ["test/api"],
      flags: ["-A"],
      lanes: 2,
      longest: ["claims", "declared_conditions", "declared_agents", "declared_tenants_agents", "outages"],
    }],
    needs: "a control plane",
    long: true,
  },
  image: { runs: [{ folders: ["test/image"], flags: ["-A"] }], needs: "an image", long: true },
  booted: { runs: [{ folders: ["test/booted"], flags: ["-A"] }], needs: "nodes that boot", long: true },
  vm: { runs: [{ folders: ["test/vm"], flags: ["-A"] }], needs: "a virtual machine", long: true },
  e2e: { runs: [{ folders: ["test/e2e"], flags: ["-A"] }], needs: "a cluster", long: true },
};

/** All layers, by name, quick ones first. */
export const LAYERS: ReadonlyMap<string, Layer> = new Map(
  Object.entries(RUNS).map(([name, { runs, needs = "nothing", long = false }]) => [name, {
    name,
    runs,
    needs,
    task: `test:${name}`,
    isLong: long,
    deadlineSeconds: long ? 2400 : 600,
  }]),
);
