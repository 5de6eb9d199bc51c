/** Images in OCI layouts as contexts: which one is meant, and that every blob is checked. */
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { walkTree } from '../snapshot/file-tree.js';
import { makeTar } from '../test/make-tar.js';
import { sha256 } from '../util/digest.js';
import { findLayoutImage, readLayoutTree } from './oci-layout-context.js';
import type { Spool } from './tar-context.js';

const WASI = { os: 'wasi', architecture: 'wasm' };
const LINUX = { os: 'linux', architecture: 'amd64' };

let dir: string;
let layout: string;
let spool: Spool;

beforeEach(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'layout-'));
  layout = path.join(dir, 'layout');
  fs.mkdirSync(path.join(layout, 'blobs/sha256'), { recursive: true });
  fs.writeFileSync(path.join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const file = path.join(dir, 'spool');
  spool = { path: file, handle: await open(file, 'wx+'), size: 0 };
});

afterEach(async () => {
  await spool.handle.close();
  fs.rmSync(dir, { recursive: true });
});

const pathOf = (digest: string) => path.join(layout, 'blobs', digest.replace(':', '/'));

function blob(bytes: Uint8Array, mediaType: string, more: object = {}) {
  const digest = sha256(bytes);
  fs.writeFileSync(pathOf(digest), bytes);
  return { mediaType, digest, size: bytes.length, ...more };
}

const json = (value: object, mediaType: string, more?: object) =>
  blob(Buffer.from(JSON.stringify(value)), mediaType, more);

/** An image whose one layer holds a file of that name. */
async function image(file: string, more: object = {}, mediaType: string = MEDIA_TYPES.layerTar) {
  const tar = await makeTar([file, 'x']);
  const layer = blob(mediaType.endsWith('gzip') ? gzipSync(tar) : tar, mediaType);
  return json({ schemaVersion: 2, layers: [layer] }, MEDIA_TYPES.manifest, more);
}

const tagged = (tag: string) => ({ annotations: { 'org.opencontainers.image.ref.name': tag } });

function index(...manifests: object[]) {
  fs.writeFileSync(path.join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

async function filesOf(suffix = '', platform = WASI): Promise<string[]> {
  const found = findLayoutImage(layout + suffix, platform);
  return [...walkTree(await readLayoutTree(found, 'the context base', spool))].map(([name]) => name);
}

async function failure(suffix = '', platform = WASI) {
  const error = await filesOf(suffix, platform).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  const diagnostic = (error as BuildError).diagnostics[0]!;
  expect(diagnostic.hint).toBeTruthy();
  return `${diagnostic.code}: ${diagnostic.message.replaceAll(layout, 'L')} (${diagnostic.hint})`;
}

describe('the image that is meant', () => {
  test('is the only one, whatever its platform', async () => {
    index(await image('a', { platform: LINUX }));
    expect(await filesOf()).toEqual(['a']);
  });

  test('is the one with the tag, or the digest', async () => {
    const b = await image('b', tagged('2'));
    index(await image('a', tagged('1')), b);
    expect(await filesOf(':1')).toEqual(['a']);
    expect(await filesOf(`@${b.digest}`)).toEqual(['b']);
    expect(await filesOf(`:1@${b.digest}`)).toEqual(['b']);
    expect(await failure(':3')).toMatch(/^ContextNotFound: .* \(it has 1, 2\)$/);
  });

  test('is that of the platform, in an index as well', async () => {
    const both = [await image('a', { platform: LINUX }), await image('b', { platform: WASI })];
    index(...both);
    expect(await filesOf()).toEqual(['b']);
    index(json({ schemaVersion: 2, manifests: both }, MEDIA_TYPES.index, tagged('1')));
    expect(await filesOf(':1', LINUX)).toEqual(['a']);
    expect(await failure(':1', { os: 'linux', architecture: 's390x' })).toMatch(/^InvalidContext: .*linux\/s390x/);
  });

  test('is none where there is no layout', async () => {
    expect(await failure('-elsewhere')).toMatch(/^ContextNotFound: there is no OCI layout at L-elsewhere/);
  });
});

describe('its layers', () => {
  test('lie over one another, plain and gzip', async () => {
    const layers = [
      blob(await makeTar(['a', '1'], ['d/b', '2']), MEDIA_TYPES.layerTar),
      blob(gzipSync(await makeTar(['.wh.a'], ['d/c', '3'])), MEDIA_TYPES.layerGzip),
    ];
    index(json({ schemaVersion: 2, layers }, MEDIA_TYPES.manifest));
    expect(await filesOf()).toEqual(['d', 'd/b', 'd/c']);
  });

  test('may be none', async () => {
    index(json({ schemaVersion: 2, layers: null }, MEDIA_TYPES.manifest));
    expect(await filesOf()).toEqual([]);
  });

  test('compressed with zstd are refused, with another way', async () => {
    index(await image('a', {}, MEDIA_TYPES.layerZstd));
    expect(await failure()).toMatch(/^InvalidContext: .*zstd.* \(.*skopeo copy/);
  });
});

describe('what is damaged is named', () => {
  test('a manifest with other bytes', async () => {
    const manifest = await image('a');
    index(manifest);
    fs.appendFileSync(pathOf(manifest.digest), ' ');
    expect(await failure()).toBe(
      `InvalidContext: blobs/sha256/${manifest.digest.slice(7)} of the OCI layout L cannot be read: its bytes do not have its digest (make the layout again)`,
    );
  });

  test('a layer with other bytes', async () => {
    const tar = await makeTar(['a', 'x']);
    const layer = blob(tar, MEDIA_TYPES.layerTar);
    index(json({ schemaVersion: 2, layers: [layer] }, MEDIA_TYPES.manifest));
    fs.writeFileSync(pathOf(layer.digest), await makeTar(['a', 'y']));
    expect(await failure()).toContain(`the bytes of the layer ${layer.digest} do not have that digest`);
  });

  test('a layer that is missing', async () => {
    index(
      json(
        { schemaVersion: 2, layers: [{ mediaType: MEDIA_TYPES.layerTar, digest: sha256('gone'), size: 1 }] },
        MEDIA_TYPES.manifest,
      ),
    );
    expect(await failure()).toMatch(/^InvalidContext: .*sha256:[0-9a-f]{64}.*no such file or directory/);
  });

  test('an index that is no JSON, or names no digest', async () => {
    fs.writeFileSync(path.join(layout, 'index.json'), '{');
    expect(await failure()).toMatch(/^InvalidContext: index\.json of the OCI layout L cannot be read/);
    index({ mediaType: MEDIA_TYPES.manifest, digest: '../../etc/passwd', size: 1 });
    expect(await failure()).toMatch(/^InvalidContext: .*without a sha256 digest/);
  });
});
