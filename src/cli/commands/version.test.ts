import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { readVersion, versionText } from './version.js';
import { versionJson } from './version-json.js';

test('the version is that of package.json', () => {
  const manifest = new URL('../../../package.json', import.meta.url);
  expect(readVersion()).toBe(JSON.parse(readFileSync(manifest, 'utf8')).version);
  expect(versionText()).toBe(`wbuild ${readVersion()}\n`);
});

test('as JSON it says what decides bytes', () => {
  const json = JSON.parse(versionJson({ version: 'v22.1.0', platform: 'linux', arch: 'arm64' }));
  expect(json).toMatchObject({ version: readVersion(), node: '22.1.0', platform: 'linux', arch: 'arm64' });
  expect(json.compressors.gzip).toMatch(/^pako \d+\.\d+\.\d+$/);
  expect(json.compressors.zstd).toMatch(/^@bokuweb\/zstd-wasm \d+\.\d+\.\d+$/);
  expect(json).toMatchObject({
    layers: expect.any(String),
    pieceSize: 1_048_576,
    cache: { records: 'v1', pieces: 'v1' },
  });
});
