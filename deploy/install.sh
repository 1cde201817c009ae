#!/bin/sh
# Wigglenet on a host without dpkg, from what `deno task deb` built on any machine; it fetches nothing.
#   install.sh dist/package/root-amd64    installs, or updates
#   install.sh --remove [--purge]         removes all but key, manifests and settings; with --purge these too
# The package of `deno task deb` does the same, and better: dpkg knows its files.
set -eu
umask 022

LIST=/usr/lib/wigglenet/files     # what was installed, to be removed
MADE=/usr/lib/wigglenet/folders   # for which these folders were made
SETUP=/usr/lib/wigglenet/setup    # sysctls, units, this host's manifest: what the package's scripts call, too

fail() { echo "install.sh: $*" >&2; exit 1; }

make_folder() {
  [ -d "$1" ] && return
  make_folder "$(dirname "$1")"
  mkdir -m 755 "$1"
  # The list stands in one of them.
  made="$1
${made-}"
}

install_from() {
  tree=$1
  [ -x "$tree$SETUP" ] || fail "$tree is not what deno task deb built: there is no $tree$SETUP"
  for program in nft ip ss wg sysctl; do
    command -v "$program" > /dev/null || fail "$program is missing: install nftables, iproute2, wireguard-tools, procps"
  done
  files=$(cd "$tree" && find . ! -type d | sed 's/^\.//' | sort)
  for file in $files; do
    case $file in /etc/*) [ ! -e "$file" ] || continue ;; esac # settings are the operator's
    make_folder "$(dirname "$file")"
    # Into place by one rename: an agent that runs keeps the files that it has open.
    cp -P "$tree$file" "$file.new"
    mv -f "$file.new" "$file"
  done
  # The settings are removed with --purge.
  echo "$files" | grep -v '^/etc/' > $LIST
  [ -e $MADE ] || printf %s "${made-}" > $MADE
  $SETUP configure
}

remove() {
  [ -e $LIST ] || fail "nothing of install.sh is here"
  $SETUP remove
  folders=$(cat $MADE)
  if [ "${1-}" = --purge ]; then $SETUP purge; fi
  while read -r file; do rm -f "$file"; done < $LIST
  rm -f $LIST $MADE
  for folder in $folders; do rmdir "$folder" 2> /dev/null || true; done # others may use it
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

[ "$(id -u)" = 0 ] || fail "needs root"
case "${1-}" in
  --remove) remove "${2-}" ;;
  "" | -*) fail "give the folder that deno task deb built, dist/package/root-amd64, or --remove [--purge]" ;;
  *) install_from "${1%/}" ;;
esac
