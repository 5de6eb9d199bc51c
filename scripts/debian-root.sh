# Sourced: a Debian root of a script's own, which stays for the next time.

# folder, suite, package...: the root is made in folder/root, once
install_root() {
  local root=$1 suite=$2 rootfs=$1/root
  shift 2
  mkdir -p "$root"
  exec 9>"$root/.lock"
  flock 9
  if [ ! -e "$root/.ready" ]; then
    rm -rf "$rootfs"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$rootfs" >"$root/debootstrap.log" 2>&1
    printf 'APT::Install-Recommends "false";\nAcquire::Check-Valid-Until "false";\n' >"$rootfs/etc/apt/apt.conf.d/99wbuild"
    printf '#!/bin/sh\nexit 101\n' >"$rootfs/usr/sbin/policy-rc.d" # packages must not start services
    chmod +x "$rootfs/usr/sbin/policy-rc.d"
    local clean=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive)
    chroot "$rootfs" "${clean[@]}" apt-get update >"$root/apt.log" 2>&1
    chroot "$rootfs" "${clean[@]}" apt-get install -y "$@" >>"$root/apt.log" 2>&1
    touch "$root/.ready"
  fi
  exec 9>&-
}
