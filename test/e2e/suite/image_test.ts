// Images that CI can build and not ship: by deploy/image/Dockerfile, on a stand-in for the distroless base that cannot be
// had here (the same packages of Debian, unpacked), and for arm64. They are tested here, where packages can be fetched.

import assert from "node:assert/strict";

import { buildImage, DEFAULTS, rootOf } from "../../../deploy/image/image.ts";
import { PLUGIN_FOLDER, PLUGINS, PROGRAMS } from "../../../deploy/image/contents.ts";
import { fetchPackages } from "../../../deploy/image/debian.ts";
import { parseElf } from "../../../deploy/image/elf.ts";
import { RUNTIME } from "../../../deploy/image/runtime.ts";
import { run } from "../../lab/process.ts";
import { World } from "../world.ts";

const world = await World.standing();
const ROOT = new URL("../../../", import.meta.url).pathname;
const BASE = "wigglenet-test/base", IMAGE = "wigglenet-test/on-base";
const PACKAGES = ["base-files", "libc6", "netbase", "tzdata"];
const BUILD_MS = 120_000;

Deno.test("the Dockerfile builds on a base of Debian's packages, and what it builds starts on a read-only root", async () => {
  const { engine } = world.cluster;
  const { architecture, suite } = DEFAULTS;
  const base = await Deno.makeTempDir();
  try {
    const wanted = { names: PACKAGES, architecture, suite, sources: undefined, isRefreshed: false };
    const fetched = await fetchPackages(wanted);
    for (const { name, folder } of fetched) {
      if (PACKAGES.includes(name)) await run(["cp", "-a", `${folder}/.`, base]);
    }
    await run(["tar", "-C", base, "-cf", `${base}.tar`, "."]);
    await engine.docker(["import", `${base}.tar`, BASE], BUILD_MS);
    const given = ["--build-arg", `BASE=${BASE}`, "--build-arg", `TARGETARCH=${architecture}`];
    const context = rootOf(architecture).replace(/[^/]+$/, "");
    const file = ["-f", `${ROOT}deploy/image/Dockerfile`];
    await engine.docker(["build", "-q", ...given, ...file, "-t", IMAGE, context], BUILD_MS);
    const safe = ["--read-only", "--network=none", "--cap-drop=ALL", "--cap-add=NET_ADMIN"];
    const start = (...args: string[]) => engine.docker(["run", "--rm", ...safe, ...args]);
    const { version } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
    assert.match(await start(IMAGE, "version"), new RegExp(`\\b${version.replaceAll(".", "\\.")}\\b`));
    assert.match(await start("--entrypoint=/usr/sbin/nft", IMAGE, "--version"), /^nftables v1\.1/);
    await assert.rejects(start("--entrypoint=/bin/sh", IMAGE), /no such file or directory/);
  } finally {
    for (const name of [IMAGE, BASE]) await engine.docker(["rmi", name]).catch(() => {});
    await run(["rm", "-rf", base, `${base}.tar`]);
  }
});

Deno.test("an image for arm64 is assembled, and every program in it and all that they link are for that machine", async () => {
  const architecture = "arm64";
  const wanted = {
    names: ["coreutils"],
    architecture,
    suite: DEFAULTS.suite,
    sources: undefined,
    isRefreshed: false,
  };
  const coreutils = (await fetchPackages(wanted)).find(({ name }) => name === "coreutils")!;
  // In place of the runtime, which npm may not have for another machine: any program of that machine will do.
  const runtime = `${coreutils.folder}/usr/bin/cat`;
  const { root, archive, packagesList, packages } = await buildImage({ ...DEFAULTS, architecture, runtime });
  try {
    const programs = [
      ...PROGRAMS.keys(),
      ...PLUGINS.map((name) => `${PLUGIN_FOLDER}/${name}`),
      RUNTIME.slice(1),
    ];
    const libraries = `${root}/usr/lib/aarch64-linux-gnu`;
    const there = new Set([...Deno.readDirSync(libraries)].map(({ name }) => name));
    const paths = [
      ...programs.map((path) => `${root}/${path}`),
      ...[...there].map((name) => `${libraries}/${name}`),
    ];
    for (const path of paths) {
      const elf = parseElf(await Deno.readFile(path));
      assert.equal(elf?.machine, architecture, path);
      const missing = elf.needed.filter((name) => !there.has(name) && !name.startsWith("ld-linux"));
      assert.deepEqual(missing, [], path);
    }
    const list = await Deno.readTextFile(packagesList);
    assert.match(list, /^nftables 1\.1\S+ arm64$/m);
    assert.equal(list.trim().split("\n").length, packages.length + 1);
  } finally {
    await run(["rm", "-rf", root, archive, packagesList]);
  }
});

Deno.test("a runtime for another machine is refused, and no image is left", async () => {
  const [own, other] = DEFAULTS.architecture === "amd64" ? ["amd64", "arm64"] : ["arm64", "amd64"];
  const wrong = { ...DEFAULTS, architecture: other!, runtime: Deno.execPath() };
  await assert.rejects(buildImage(wrong), new RegExp(`is for ${own}, not for ${other}`));
  await assert.rejects(Deno.stat(rootOf(other!)), Deno.errors.NotFound);
});
