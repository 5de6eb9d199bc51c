/** The store and what --cache-to writes are OCI image layouts: other people's tools read them where they lie. */
import fs from 'node:fs';
import { expect, test } from '@jest/globals';
import { inside, peer, usePeersRig } from './peers.js';

const rig = usePeersRig();

async function build(): Promise<{ readonly digest: string; readonly layers: readonly string[] }> {
  rig.write({
    'ctx/Dockerfile': 'FROM scratch\nCOPY a /\nCOPY b /\nENTRYPOINT ["/a"]\n',
    'ctx/a': 'a'.repeat(10_000),
    'ctx/b': 'b',
  });
  const args = ['--platform', 'linux/amd64', '-t', 'me/app:1', '-t', 'me/other:2', '--cache-dir', 'store'];
  const more = [
    '--cache-to',
    'type=local,dest=ci',
    '-o',
    'type=oci,dest=out,tar=false',
    '--metadata-file',
    'meta.json',
  ];
  expect(await rig.run(['build', ...args, ...more, 'ctx'])).toMatchObject({ code: 0 });
  const digest = JSON.parse(fs.readFileSync(rig.path('meta.json'), 'utf8'))['containerimage.digest'];
  const manifest = JSON.parse(fs.readFileSync(rig.path('out/blobs/sha256', digest.slice(7)), 'utf8'));
  return { digest, layers: manifest.layers.map((l: { digest: string }) => l.digest) };
}

test.each([
  ['the store, by a name', 'store:docker.io/me/app:1'],
  ['the store, by another name', 'store:docker.io/me/other:2'],
  ['a cache of --cache-to', 'ci:latest'],
  ['a cache of --cache-to, which has one image', 'ci'],
])('skopeo inspects and copies %s', async (_what, where) => {
  const { digest, layers } = await build();
  const [folder, ...name] = where.split(':');
  const source = `oci:${[inside(rig, folder!), ...name].join(':')}`;
  const found = JSON.parse(peer('skopeo', 'inspect', source));
  expect(found).toMatchObject({ Digest: digest, Layers: layers, Os: 'linux', Architecture: 'amd64' });
  peer('skopeo', 'copy', '--preserve-digests', source, `oci:${inside(rig, 'copy')}:x`);
  expect(JSON.parse(peer('skopeo', 'inspect', `oci:${inside(rig, 'copy')}:x`)).Digest).toBe(digest);
});
