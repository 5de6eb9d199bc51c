/**
 * Which file systems say truly when a file changed: the stat cache believes nothing else of a file.
 *
 * A read-only image (squashfs, erofs, an ISO, ext4 on a loop device) has the inodes and times that its maker gave it, and makers of reproducible
 * images give all of them the same: another image that is mounted in its place holds files that look the same and are not. FAT and some file
 * systems over a network keep no ctime and show mtime in its place, which anybody may set.
 *
 * What cannot be told (a device that is in no line, as those of btrfs subvolumes, and every device where there is no /proc) is taken for true: a
 * file system that is written to has a clock, and an image under an overlay or behind a network is for its owner to know (docs/cache.md).
 * @see proc_pid_mountinfo(5)
 */
import { readFileSync } from 'node:fs';

/** Without a ctime of their own, read-only or not. */
const NO_CTIME: ReadonlySet<string> = new Set(['vfat', 'msdos', 'exfat', 'fuse.sshfs', 'fuse.rclone', 'fuse.gcsfuse']);

/** Whether the ctimes of a device, as `st_dev` names it, tell every change. The mounts of this process are looked at when it is first asked. */
export function changeTimes(readMounts: () => string = readMountInfo): (device: bigint) => boolean {
  let doubtful: ReadonlySet<bigint> | undefined;
  return (device) => {
    doubtful ??= doubtfulDevices(readMounts());
    return !doubtful.has(device);
  };
}

function readMountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'latin1');
  } catch {
    return ''; // no Linux
  }
}

function doubtfulDevices(mounts: string): Set<bigint> {
  const doubtful = new Set<bigint>();
  for (const line of mounts.split('\n')) {
    // 36 35 98:0 /root /mount/point mount,options [optional fields] - type source super,options
    const [mount, superblock] = line.split(' - ');
    const [major, minor] = (mount!.split(' ')[2] ?? '').split(':');
    if (superblock === undefined || minor === undefined) continue;
    const [type, , options = ''] = superblock.split(' ');
    // of the superblock: a writable file system that is only mounted read-only here changes as any other
    if (options.split(',').includes('ro') || NO_CTIME.has(type!)) doubtful.add(deviceOf(BigInt(major!), BigInt(minor)));
  }
  return doubtful;
}

/** As glibc's makedev(3) packs the numbers into a dev_t. */
function deviceOf(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}
