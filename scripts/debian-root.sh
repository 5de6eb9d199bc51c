# Sourced: a Debian root with a newer dockerd than that of the peers, podman and containerd. It is made once (two minutes), and stays for the next time.
#
# Environment: DEBIAN_ROOT (default /var/tmp/wbuild-debian); DEBIAN_SUITE (default sid, which has dockerd 28.5.2), read at the first set-up.
root=${DEBIAN_ROOT:-/var/tmp/wbuild-debian}
rootfs=$root/root
packages=(docker.io docker-cli docker-buildx containerd podman crun iptables)

# makes the root if it is not there; who comes meanwhile waits
install_root() {
  mkdir -p "$root"
  exec 9>"$root/.lock"
  flock 9
  if [ ! -e "$root/.ready" ]; then
    rm -rf "$rootfs"
    debootstrap --variant=minbase --include=ca-certificates "${DEBIAN_SUITE:-sid}" "$rootfs" >"$root/debootstrap.log" 2>&1
    printf 'APT::Install-Recommends "false";\nAcquire::Check-Valid-Until "false";\n' >"$rootfs/etc/apt/apt.conf.d/99wbuild"
    printf '#!/bin/sh\nexit 101\n' >"$rootfs/usr/sbin/policy-rc.d" # packages must not start services
    chmod +x "$rootfs/usr/sbin/policy-rc.d"
    local clean=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive)
    chroot "$rootfs" "${clean[@]}" apt-get update >"$root/apt.log" 2>&1
    chroot "$rootfs" "${clean[@]}" apt-get install -y "${packages[@]}" >>"$root/apt.log" 2>&1
    touch "$root/.ready"
  fi
  exec 9>&-
}
