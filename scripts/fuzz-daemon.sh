#!/bin/bash
# A dockerd for `npm run fuzz` alone, in the Debian root of debian-root.sh, its data in memory: that makes a build five times as fast, and no one
# else's builds are disturbed. Needs root and debootstrap.
#
#   fuzz-daemon.sh          set up if need be, start, print the environment to eval
#   fuzz-daemon.sh down     stop it and drop its data
#   fuzz-daemon.sh run COMMAND…   set up and start, run the command in that environment, stop
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/debian-root.sh"
fuzz=$rootfs/srv/fuzz # as the daemon sees it: /srv/fuzz
in_root() { chroot "$rootfs" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
mounted() { mountpoint -q "$1"; }
running() { [ -e "$fuzz/docker.pid" ] && [[ "$(tr '\0' ' ' <"/proc/$(cat "$fuzz/docker.pid")/cmdline" 2>/dev/null)" == *"/srv/fuzz/data"* ]]; }

up() {
  install_root
  mkdir -p "$fuzz"
  mounted "$rootfs/proc" || mount --bind /proc "$rootfs/proc"
  mounted "$rootfs/sys" || { mount --rbind /sys "$rootfs/sys"; mount --make-rslave "$rootfs/sys"; }
  mounted "$rootfs/dev" || { mount --rbind /dev "$rootfs/dev"; mount --make-rslave "$rootfs/dev"; }
  mounted "$fuzz" || mount -t tmpfs -o size=4g fuzz "$fuzz"
  if ! running; then
    rm -rf "$fuzz/docker.sock" "$fuzz/docker.pid" "$fuzz/exec" "$fuzz/data"
    echo '{"features":{"containerd-snapshotter":true},"iptables":false,"ip6tables":false,"bridge":"none"}' >"$fuzz/daemon.json"
    in_root dockerd --config-file /srv/fuzz/daemon.json -H unix:///srv/fuzz/docker.sock --data-root /srv/fuzz/data \
      --exec-root /srv/fuzz/exec --pidfile /srv/fuzz/docker.pid >"$root/dockerd.log" 2>&1 </dev/null &
  fi
  for _ in $(seq 60); do
    in_root docker -H unix:///srv/fuzz/docker.sock version >/dev/null 2>&1 && break
    sleep 0.5
  done
  in_root docker -H unix:///srv/fuzz/docker.sock version >/dev/null || { echo "dockerd did not start: see $root/dockerd.log" >&2; exit 1; }
  cat <<ENV
export FUZZ_ROOTFS=$rootfs
export FUZZ_WORK=$fuzz/work
export FUZZ_DOCKER_HOST=unix:///srv/fuzz/docker.sock
export FUZZ_PRUNE_EVERY=1500
ENV
}

down() {
  running && kill "$(cat "$fuzz/docker.pid")"
  for _ in $(seq 40); do running || break; sleep 0.25; done
  if mounted "$fuzz"; then umount -R -l "$fuzz"; fi
}

run() {
  local env code=0
  env=$(up)
  (eval "$env"; "$@") || code=$?
  down
  return "$code"
}

case "${1:-up}" in
  up) up ;;
  down) down ;;
  run) shift; run "$@" ;;
  *) echo "usage: $0 [up|down|run COMMAND…]" >&2; exit 2 ;;
esac
