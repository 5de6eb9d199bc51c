import { expect, test } from '@jest/globals';
import type { BuildResult } from '../build/build-options.js';
import { sha256 } from '../util/digest.js';
import { metadataText } from './metadata.js';
import { parseOutputOption } from './output-option.js';

const RESULT: BuildResult = {
  platform: { architecture: 'arm', os: 'linux', variant: 'v7' },
  manifest: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256('manifest'),
    size: 548,
    annotations: { z: '1', k: '<&>' },
  },
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256('config'), size: 627 },
  diffIDs: [],
  images: [],
  warnings: [],
  counters: {
    built: 1,
    cached: 2,
    imported: 3,
    hashedFiles: 4,
    hashedBytes: 5,
    packedFiles: 6,
    packedBytes: 7,
    compressedBytes: 8,
  },
};

test('the keys of buildx', () => {
  const outputs = [parseOutputOption('type=oci,dest=a,name=b'), parseOutputOption('type=oci,dest=b,name=c:1')];
  const names = ['docker.io/library/a:latest', 'docker.io/library/b:latest'];
  expect(metadataText({ names, outputs, epochSeconds: 0 }, RESULT)).toBe(`{
  "containerimage.config.digest": "sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910",
  "containerimage.descriptor": {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f",
    "size": 548,
    "annotations": {
      "k": "\\u003c\\u0026\\u003e",
      "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
      "z": "1"
    },
    "platform": {
      "architecture": "arm",
      "os": "linux",
      "variant": "v7"
    }
  },
  "containerimage.digest": "sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f",
  "image.name": "docker.io/library/a:latest,docker.io/library/b:latest,docker.io/library/c:1",
  "wbuild.cache": {
    "built": 1,
    "cached": 2,
    "imported": 3,
    "hashedFiles": 4,
    "hashedBytes": 5,
    "packedFiles": 6,
    "packedBytes": 7,
    "compressedBytes": 8
  }
}`);
});

test('an image without a name has no image.name', () => {
  const keys = Object.keys(JSON.parse(metadataText({ names: [], outputs: [], epochSeconds: 0 }, RESULT)));
  expect(keys.filter((key) => key !== 'wbuild.cache')).toEqual([
    'containerimage.config.digest',
    'containerimage.descriptor',
    'containerimage.digest',
  ]);
});

test('of several platforms, the descriptor is that of the index, and there is no config', () => {
  const index = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: sha256('index'), size: 9 };
  const text = metadataText({ names: [], outputs: [], epochSeconds: 1 }, { ...RESULT, index });
  const annotations = { 'org.opencontainers.image.created': '1970-01-01T00:00:01Z' };
  expect(JSON.parse(text)).toEqual({
    'containerimage.descriptor': { ...index, annotations },
    'containerimage.digest': index.digest,
    'wbuild.cache': RESULT.counters,
  });
});
