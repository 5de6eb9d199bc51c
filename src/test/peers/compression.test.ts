/** Compressed layers of many pieces, as Go's readers see them: skopeo unpacks them, docker loads and unpacks them, gzip and zstd test them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { beforeEach, expect, test } from '@jest/globals';
import { inside, peer, usePeersRig } from './peers.js';

const NAME = 'registry.example/pieces:1';
const rig = usePeersRig();

/** Five megabytes: text, noise and zeros. */
function content(): Buffer {
  let state = createHash('sha512').update('pieces').digest();
  const parts: Buffer[] = [];
  for (let at = 0; at < 24_000; at++) {
    state = createHash('sha512').update(state).digest();
    parts.push(state, Buffer.from(state.toString('hex')), Buffer.alloc(64));
  }
  return Buffer.concat(parts);
}

beforeEach(() => {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY data small /srv/\n', 'ctx/data': content(), 'ctx/small': 'end' });
});

const FORMS = [
  'compression=gzip',
  'compression=gzip,compression-level=1',
  'compression=zstd',
  'compression=zstd,compression-level=12',
];

test.each(FORMS)('skopeo unpacks %s to the diff ID', async (form) => {
  await build(`type=oci,${form},dest=image.tar`);
  peer('skopeo', 'copy', '--dest-decompress', `oci-archive:${inside(rig, 'image.tar')}`, `dir:${inside(rig, 'dir')}`);
  const manifest = JSON.parse(fs.readFileSync(rig.path('dir/manifest.json'), 'utf8'));
  const blob = (digest: string) => fs.readFileSync(rig.path('dir', digest.replace('sha256:', '')));
  const config = JSON.parse(String(blob(manifest.config.digest)));
  const digests = manifest.layers.map((layer: { digest: string }) => layer.digest);
  expect(digests).toEqual(config.rootfs.diff_ids);
  const bytes = blob(digests[0]);
  expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digests[0]);
});

test.each(['compression=gzip', 'compression=zstd'])('docker loads %s, and gives the file back', async (form) => {
  await build(`type=docker,${form},dest=image.tar`);
  expect(peer('docker', 'load', '-i', inside(rig, 'image.tar'))).toContain(`Loaded image: ${NAME}`);
  try {
    // by a build that copies from the image: `docker cp` cannot change its root where dockerd itself runs in a chroot
    rig.write({ 'take/Dockerfile': `FROM scratch\nCOPY --from=${NAME} /srv/data /\n` });
    peer('docker', 'buildx', 'build', '-o', `type=local,dest=${inside(rig, 'taken')}`, inside(rig, 'take'));
    expect(fs.readFileSync(rig.path('taken/data')).equals(content())).toBe(true);
  } finally {
    peer('docker', 'image', 'rm', '-f', NAME);
  }
});

test.each(FORMS)('gzip or zstd finds no fault in %s', async (form) => {
  const args = ['build', '-o', `type=oci,tar=false,${form},dest=layout`, 'ctx'];
  expect(await rig.run(args)).toMatchObject({ code: 0 });
  const folder = rig.path('layout/blobs/sha256');
  const sizes = fs.readdirSync(folder).map((name) => `${folder}/${name}`);
  const [layer] = sizes.sort((a, b) => fs.statSync(b).size - fs.statSync(a).size);
  const input = fs.readFileSync(layer!);
  const program = form.includes('gzip') ? 'gzip' : 'zstd';
  if (program === 'zstd' && spawnSync('zstd', ['--version']).error) return; // where the program is
  expect(spawnSync(program, ['-t'], { input })).toMatchObject({ status: 0 });
});

async function build(output: string): Promise<void> {
  const args = ['build', '-t', NAME, '-o', output, 'ctx'];
  expect(await rig.run(args)).toMatchObject({ code: 0 });
}
