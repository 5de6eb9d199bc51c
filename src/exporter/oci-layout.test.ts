import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { archiveOf, exportInput, helloImage, layerBytes, memoryContent } from '../test/hello-image.js';
import { removeTree } from '../util/atomic-write.js';
import { sha256 } from '../util/digest.js';
import { readAll, readTar } from '../util/read-tar.js';
import { EXPORTERS, type ExportInput } from './exporter.js';

const BLOBS = [
  'blobs/sha256/12a0af7f5186b7b0c19a7ec4d3335ad1e53b4c2140dc6c905ff46025dc52a0d4',
  'blobs/sha256/6fae2b06dcc66901bbbd32b44e48061abff1f5173604420ad169acaf6b9b4b37',
  'blobs/sha256/f4a34c603be415dcd031138a0b8a9e646be9f4b0ac2e808de35481c8336ef7b8',
];

async function filesOf(archive: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { path: name, content } of readTar([archive])) files.set(name, String(await readAll(content)));
  return files;
}

describe('as a tar', () => {
  test('the epoch is in the annotation, and not in the headers', async () => {
    const archive = await archiveOf(EXPORTERS.oci, exportInput({ epochSeconds: 1_700_000_000 }));
    for await (const entry of readTar([archive])) expect(entry.mtime).toBe(0);
    const index = JSON.parse((await filesOf(archive)).get('index.json')!);
    expect(index.manifests[0].annotations).toEqual({ 'org.opencontainers.image.created': '2023-11-14T22:13:20Z' });
  });

  test('a layer that is there twice is one blob, and the manifest of Docker names it twice', async () => {
    const image = helloImage();
    const twice = { ...image, layers: [...image.layers, ...image.layers] };
    const files = await filesOf(await archiveOf(EXPORTERS.docker, exportInput({ target: twice })));
    expect([...files.keys()]).toEqual([
      'blobs/',
      'blobs/sha256/',
      ...BLOBS,
      'index.json',
      'manifest.json',
      'oci-layout',
    ]);
    expect(JSON.parse(files.get('manifest.json')!)[0].Layers).toEqual([BLOBS[0], BLOBS[0]]);
  });

  test('an image without layers has null in the manifest of Docker', async () => {
    const image = helloImage();
    const files = await filesOf(await archiveOf(EXPORTERS.docker, exportInput({ target: { ...image, layers: [] } })));
    expect(files.get('manifest.json')).toBe(`[{"Config":"${BLOBS[2]}","RepoTags":null,"Layers":null}]`);
  });

  test.each([
    ['app:1@sha256:', '1@sha256:', 'app:1@sha256:'],
    ['app@sha256:', 'docker.io/library/app@sha256:', 'app@sha256:'],
  ])('the name %s…', async (name, refName, repoTag) => {
    const hex = 'ab'.repeat(32);
    const files = await filesOf(await archiveOf(EXPORTERS.docker, exportInput({ names: [name + hex] })));
    const { annotations } = JSON.parse(files.get('index.json')!).manifests[0];
    expect(annotations['io.containerd.image.name']).toBe(`docker.io/library/${name}${hex}`);
    expect(annotations['org.opencontainers.image.ref.name']).toBe(refName + hex);
    expect(JSON.parse(files.get('manifest.json')!)[0].RepoTags).toEqual([repoTag + hex]);
  });

  test('the annotations of the descriptor are kept, in byte order', async () => {
    const image = helloImage();
    const descriptor = {
      ...image.manifest.descriptor,
      annotations: { k: 'v', 'org.opencontainers.image.created': 'x', A: '<' },
    };
    const annotated = {
      ...image,
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      manifest: { ...image.manifest, descriptor },
    };
    const text = (await filesOf(await archiveOf(EXPORTERS.oci, exportInput({ target: annotated })))).get('index.json')!;
    expect(text).toContain('"annotations":{"A":"\\u003c","k":"v","org.opencontainers.image.created":"x"}');
    expect(text).toContain('"platform":{"architecture":"arm","os":"linux","variant":"v7"}');
  });

  test.each([[layerBytes().subarray(1)], [Buffer.concat([layerBytes(), Buffer.from('x')])]])(
    'a blob of another size is an error',
    async (bytes) => {
      const content = { read: () => memoryContent(bytes).read(sha256(bytes)) };
      await expect(archiveOf(EXPORTERS.oci, exportInput({ content }))).rejects.toMatchObject({
        diagnostics: [{ code: 'DamagedBlob' }],
      });
    },
  );
});

describe('as a folder', () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'layout-'));
  });
  afterEach(() => removeTree(dir));

  const at = (...parts: string[]) => path.join(dir, ...parts);
  const write = (more: Partial<ExportInput> = {}, folder = at('out')) =>
    EXPORTERS.oci.export(exportInput(more), { kind: 'folder', path: folder });
  const list = (folder = at('out')) =>
    fs
      .readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => fs.statSync(path.join(folder, name)).isFile())
      .sort();
  const manifests = () => JSON.parse(fs.readFileSync(at('out', 'index.json'), 'utf8')).manifests;
  const failing: Partial<ExportInput> = { content: memoryContent() };

  test('the layout has what the archive has, and an image without a name is called latest', async () => {
    await write({}, at('a', 'b'));
    const folder = at('a', 'b');
    expect(list(folder)).toEqual([...BLOBS, 'index.json', 'oci-layout']);
    for (const name of BLOBS) {
      expect(sha256(fs.readFileSync(path.join(folder, name)))).toBe(`sha256:${path.basename(name)}`);
      expect(fs.statSync(path.join(folder, name)).mode & 0o222).toBe(0);
    }
    expect(fs.readFileSync(path.join(folder, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
    expect(fs.readFileSync(path.join(folder, 'index.json'), 'utf8')).toBe(
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:6fae2b06dcc66901bbbd32b44e48061abff1f5173604420ad169acaf6b9b4b37","size":548,"annotations":{"org.opencontainers.image.created":"1970-01-01T00:00:00Z","org.opencontainers.image.ref.name":"latest"},"platform":{"architecture":"wasm","os":"wasi"}}]}',
    );
  });

  test('writing twice gives the same, and another name is added', async () => {
    await write({ names: ['app:1'] });
    const once = fs.readFileSync(at('out', 'index.json'), 'utf8');
    await write({ names: ['app:1'] });
    expect(fs.readFileSync(at('out', 'index.json'), 'utf8')).toBe(once);
    await write();
    await write({ names: ['app:1', 'app:2'] });
    const names = manifests().map(
      (m: { annotations: Record<string, string> }) => m.annotations['org.opencontainers.image.ref.name'],
    );
    expect(names).toEqual(['latest', '1', '2']);
    expect(fs.readdirSync(dir)).toEqual(['out']);
  });

  test('what else is in the folder stays, a blob that is damaged is mended', async () => {
    await write();
    fs.writeFileSync(at('out', 'README'), 'mine');
    fs.rmSync(at('out', BLOBS[0]!));
    fs.writeFileSync(at('out', BLOBS[0]!), 'damaged');
    await write();
    expect(list()).toContain('README');
    expect(sha256(fs.readFileSync(at('out', BLOBS[0]!)))).toBe(`sha256:${path.basename(BLOBS[0]!)}`);
  });

  test('a failure leaves no folder, or the one that was there as it was', async () => {
    await expect(write(failing, at('a', 'b'))).rejects.toThrow('no blob');
    expect(fs.readdirSync(dir)).toEqual([]);
    fs.mkdirSync(at('out'));
    await expect(write(failing)).rejects.toThrow('no blob');
    expect(fs.readdirSync(at('out'))).toEqual([]);
    await write({ names: ['app:1'] });
    const before = list();
    await expect(write({ ...failing, names: ['app:2'] })).rejects.toThrow('no blob');
    expect(list()).toEqual(before);
    expect(manifests()).toHaveLength(1);
  });

  test('an index that cannot be understood is left alone', async () => {
    fs.mkdirSync(at('out'));
    fs.writeFileSync(at('out', 'index.json'), '{');
    await expect(write()).rejects.toMatchObject({ diagnostics: [{ code: 'OutputNotWritable' }] });
    expect(list()).toEqual(['index.json']);
  });
});
