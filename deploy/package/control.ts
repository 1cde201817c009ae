// What dpkg is told of the package: its control file, its conffiles, the scripts that it runs. Pure.

/** What there is to say of a package. */
export interface Package {
  readonly version: string;
  /** As Debian names it: amd64, arm64. */
  readonly architecture: string;
  /** Of all files. */
  readonly bytes: number;
}

/** Files of dpkg's own part of the package, by name; those with a `#!` are programs. */
export function controlFiles({ version, architecture, bytes }: Package): Readonly<Record<string, string>> {
  return {
    control: `Package: wigglenet
Version: ${version}
Architecture: ${architecture}
Maintainer: The Wigglenet authors <wigglenet@localhost>
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: iproute2, libc6 (>= 2.31), libgcc-s1, nftables (>= 1.0.6), procps, wireguard-tools
Recommends: containernetworking-plugins
Suggests: conntrack, iputils-ping, wireguard-go
Section: net
Priority: optional
Description: pod network out of Node objects, encrypted by WireGuard
 One agent per node turns Node manifests, or those of a Kubernetes API, into a
 WireGuard mesh, one atomic nftables table, routes and a CNI configuration,
 and keeps all of it so.
`,
    conffiles: "/etc/wigglenet/wigglenet.env\n",
    postinst: script(`case "$1" in
  configure | abort-remove | abort-deconfigure) /usr/lib/wigglenet/setup configure ;;
esac`),
    // An update leaves the agent running, and what it made standing.
    prerm: script(`case "$1" in
  remove | deconfigure) /usr/lib/wigglenet/setup remove ;;
esac`),
    postrm: script(`case "$1" in
  purge) rm -rf /etc/wigglenet /var/lib/wigglenet ;;
esac
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi`),
  };
}

function script(text: string): string {
  return `#!/bin/sh\nset -e\n${text}\n`;
}
