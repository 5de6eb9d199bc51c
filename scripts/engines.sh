#!/bin/bash
# Docker, podman and containerd for src/test/peers/engines.test.ts, in the Debian root of debian-root.sh. Needs root and debootstrap.
#
#   engines.sh install   set up if need be, print the environment
#   engines.sh hold      for `unshare --mount --pid --fork`: makes the mounts, says "ready", and lasts as long as its standard input.
#                        All that is mounted and runs in these namespaces ends with it, whatever becomes of the tests.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/debian-root.sh"

hold() {
  mount --make-rprivate /
  mount --bind "$rootfs" "$rootfs" # the classic store of Docker wants its root to be a mount point
  mount -t proc proc "$rootfs/proc"
  mount --rbind /sys "$rootfs/sys"
  mount --rbind /dev "$rootfs/dev"
  mount -t tmpfs -o size=3g engines "$rootfs/srv" # the data; tests make it small, to see what a full disk does
  mount -t tmpfs -o size=64m engines "$rootfs/run"
  mount --bind "$rootfs/run" /run # the sockets, where wbuild looks for them
  echo ready
  read -r _ || true # bash stays the first process, since it takes leave of those that have lost their parent
}

case "${1:-}" in
  install)
    install_root
    echo "export PEERS_ENGINES=$rootfs"
    ;;
  hold) hold ;;
  *) echo "usage: $0 install|hold" >&2; exit 2 ;;
esac
