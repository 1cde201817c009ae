import assert from "node:assert/strict";
import {
  type Attachment,
  findPod,
  isOfContainer,
  parseAttachment,
  parseGone,
  parseIdentities,
  parseInspection,
  parseProcess,
} from "./facts.ts";

const ID = "0123456789abcdef".repeat(4);

/** As docker 27 and podman 5 print it, cut to what is read. */
function inspection(state: Record<string, unknown>, mode = "bridge"): unknown {
  return {
    Id: ID,
    Name: "/agent1",
    State: { Running: true, Pid: 4711, ...state },
    HostConfig: { NetworkMode: mode },
  };
}

Deno.test("A container that runs is its first process, and the engine's id of it", () => {
  assert.deepEqual(parseInspection(200, inspection({}), "agent1"), { pid: 4711, engineId: ID });
});

Deno.test("A name is a name, or an id of twelve digits and more, and never the beginning of another's", () => {
  const answer = inspection({});
  const isFound = (name: string) => "pid" in parseInspection(200, answer, name);
  assert.ok(isFound("agent1") && isFound(ID) && isFound(ID.slice(0, 12)));
  for (const name of ["0", "01", "0123", ID.slice(0, 11), "agent", "agent10"]) {
    assert.ok(!isFound(name), name);
  }
  assert.ok("pid" in parseInspection(200, { ...answer as object, Name: "agent1" }, "agent1"), "podman's");
});

Deno.test("What is not there is told from what could not be looked at", () => {
  const stderr = "/usr/bin/stat: cannot statx '/proc/9/ns/net': No such file or directory\n" +
    "stat: cannot stat '/run/netns/b': No such file or directory\n" +
    "/usr/bin/cat: /proc/9/stat: No such file or directory\ncat: /proc/8/cgroup: No such process\n" +
    "stat: cannot statx '/proc/7/ns/net': Permission denied\n";
  assert.deepEqual([...parseGone(stderr)], [
    "/proc/9/ns/net",
    "/run/netns/b",
    "/proc/9/stat",
    "/proc/8/cgroup",
  ]);
});

const ANSWERS: readonly [string, number, unknown, RegExp][] = [
  ["is not there", 404, { message: "No such container" }, /^there is no container agent1$/],
  ["does not run", 200, inspection({ Running: false, Pid: 0 }), /^container agent1 does not run$/],
  ["has the host's network", 200, inspection({}, "host"), /^container agent1 runs with the host's network$/],
  ["is said to be process 1", 200, inspection({ Pid: 1 }), /cannot be true \(process 1\)$/],
  [
    "is said to be a process by a text",
    200,
    inspection({ Pid: "4711" }),
    /cannot be true \(process "4711"\)$/,
  ],
  ["is told of by a list", 200, [], /^there is no container agent1$/],
  ["has no id", 200, { ...inspection({}) as object, Id: "../.." }, /cannot be true/],
];

for (const [what, status, json, reason] of ANSWERS) {
  Deno.test(`A container that ${what} is none, for good`, () => {
    const found = parseInspection(status, json, "agent1");
    assert.ok("reason" in found);
    assert.match(found.reason, reason);
    assert.equal(found.isUnknown, undefined);
  });
}

Deno.test("An engine in trouble says nothing of its containers", () => {
  const found = parseInspection(500, undefined, "agent1");
  assert.ok("reason" in found && found.isUnknown);
});

const CNI_ARGS = [["IgnoreUnknown", "1"], ["K8S_POD_NAMESPACE", "shop"], ["K8S_POD_NAME", "web-0"]];
/** As older libcni keep it; newer ones have the path beside the result. */
const KEPT = {
  kind: "cniCacheV1",
  containerId: ID,
  ifName: "eth0",
  networkName: "wigglenet",
  cniArgs: CNI_ARGS,
  result: {
    cniVersion: "0.3.1",
    interfaces: [{ name: "veth7" }, { name: "eth0", sandbox: "/var/run/netns/cni-1" }],
  },
};

Deno.test("A pod's namespace is where its runtime has attached it", () => {
  assert.deepEqual(parseAttachment(KEPT), { namespace: "shop", pod: "web-0", path: "/var/run/netns/cni-1" });
});

Deno.test("What a newer libcni says of it beside the result is what counts", () => {
  const newer = { ...KEPT, netns: "/var/run/netns/8b8677c8-8929-4746-8206-514069760f6e" };
  assert.equal(parseAttachment(newer)!.path, newer.netns);
  assert.equal(parseAttachment({ ...newer, result: {} })!.path, newer.netns);
  assert.equal(parseAttachment({ ...newer, netns: 7 }), undefined);
});

for (
  const [what, json] of [
    ["nothing", undefined],
    ["a text", "x"],
    ["what is no pod's", { ...KEPT, cniArgs: [["K8S_POD_NAME", "web-0"]] }],
    ["arguments of another shape", { ...KEPT, cniArgs: [null, 7, ["K8S_POD_NAME"]] }],
    ["interfaces without a namespace", { ...KEPT, result: { interfaces: [{ name: "veth7" }, null] } }],
    ["interfaces in two namespaces", {
      ...KEPT,
      result: { interfaces: [{ sandbox: "/a" }, { sandbox: "/b" }] },
    }],
  ] as const
) {
  Deno.test(`${what} attaches no pod`, () => assert.equal(parseAttachment(json), undefined));
}

const at = (path: string): Attachment => ({ namespace: "shop", pod: "web-0", path });

Deno.test("Of a pod's attachments those count whose namespace is there", () => {
  const all = [at("/var/run/netns/cni-1"), at("/run/netns/cni-2"), {
    ...at("/run/netns/cni-3"),
    namespace: "other",
  }];
  const exists = (...paths: string[]) => (path: string) => paths.includes(path);
  assert.deepEqual(findPod(all, "shop/web-0", exists("/run/netns/cni-1", "/run/netns/cni-3")), {
    path: "/run/netns/cni-1",
  });
  const reasonOf = (...paths: string[]) => {
    const found = findPod(all, "shop/web-0", exists(...paths));
    return "reason" in found ? found.reason : "";
  };
  assert.match(reasonOf(), /^no network namespace of pod shop\/web-0 is here/);
  assert.match(reasonOf("/run/netns/cni-1", "/run/netns/cni-2"), /has 2 network namespaces at once$/);
});

Deno.test("An attachment that leads elsewhere is not followed", () => {
  for (const path of ["/proc/1/ns/net", "/run/netns/../../proc/1/ns/net", "/run/netns/", "/run/netns/.x"]) {
    const found = findPod([at(path)], "shop/web-0", () => true);
    assert.ok("reason" in found && /which is not followed$/.test(found.reason), path);
  }
});

const STAT =
  "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 161 0 0 0 0 0 0 0 20 0 1 0 8675309 2498560 401 1844\n";

Deno.test("A process has its start behind its name, whatever that is, and its cgroups", () => {
  const process = parseProcess(`${STAT}0::/system.slice/docker-${ID}.scope\n`)!;
  assert.equal(process.startTicks, "8675309");
  assert.equal(isOfContainer(process, ID), true);
  assert.equal(isOfContainer(process, ID.replace("0", "1")), false);
  assert.equal(isOfContainer(parseProcess(`${STAT}0::/init.scope\n`)!, ID), false);
  assert.equal(parseProcess(""), undefined);
  assert.equal(parseProcess("4711 (x"), undefined);
});

Deno.test("Namespaces are told apart by device and inode", () => {
  const text = "4:4026531840 /proc/self/ns/net\n4:4026532177 /run/netns/a b\nstat: nothing\n";
  assert.deepEqual([...parseIdentities(text)], [
    ["/proc/self/ns/net", "4:4026531840"],
    ["/run/netns/a b", "4:4026532177"],
  ]);
});
