import { expect, test } from '@jest/globals';
import { changeTimes } from './change-times.js';

const MOUNTS = [
  '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro',
  '40 27 7:0 / /mnt/image ro,relatime - squashfs /dev/loop0 ro',
  '41 27 7:1 / /mnt/disk\\040image ro,relatime shared:2 master:3 - ext4 /dev/loop1 ro',
  '42 27 254:16 /src /mnt/bound ro,relatime - ext4 /dev/vdb rw',
  '43 27 8:17 / /mnt/stick rw,relatime - vfat /dev/sdb1 rw,fmask=0022',
  '44 27 0:300 / /mnt/host rw - fuse.sshfs me@host:/ rw,user_id=0',
  '45 27 0:45 / /mnt/overlay rw - overlay overlay rw,lowerdir=/a',
  '46 27 0:46 / /mnt/virtio rw - virtiofs share rw',
  '',
].join('\n');

test.each<[string, bigint, boolean]>([
  ['a disk', 0xfe00n, true],
  ['an image of squashfs', 0x700n, false],
  ['a read-only image of a file system that could be written to', 0x701n, false],
  ['a writable file system, mounted read-only here', 0xfe10n, true],
  ['FAT', 0x811n, false],
  ['sshfs, with a minor number of more than 8 bits', 0x10002cn, false],
  ['an overlay', 0x2dn, true],
  ['a share of a virtual machine', 0x2en, true],
  ['a device that is not listed', 0x99n, true],
])('%s', (_what, device, kept) => {
  expect(changeTimes(() => MOUNTS)(device)).toBe(kept);
});

test('the mounts are read once, and only when a device is asked for', () => {
  let reads = 0;
  const kept = changeTimes(() => {
    reads++;
    return MOUNTS;
  });
  expect(reads).toBe(0);
  kept(1n);
  kept(2n);
  expect(reads).toBe(1);
});
