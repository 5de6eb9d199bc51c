import { expect, test } from '@jest/globals';
import { parseReference } from '../oci/reference.js';
import { imagePurl } from './purl.js';

const WASI = { os: 'wasi', architecture: 'wasm' };

// as moby/buildkit util/purl/image_test.go has them, for other platforms
test.each([
  ['alpine', 'pkg:docker/alpine@latest?platform=wasi%2Fwasm'],
  ['library/alpine:3.15', 'pkg:docker/alpine@3.15?platform=wasi%2Fwasm'],
  ['docker.io/team/app:1', 'pkg:docker/team/app@1?platform=wasi%2Fwasm'],
  ['localhost:5000/foo/bar:1.0_a', 'pkg:docker/localhost%3A5000/foo/bar@1.0_a?platform=wasi%2Fwasm'],
  [`foo/bar@sha256:${'a'.repeat(64)}`, `pkg:docker/foo/bar?digest=sha256%3A${'a'.repeat(64)}&platform=wasi%2Fwasm`],
])('%s', (name, purl) => {
  expect(imagePurl('docker', parseReference(name), WASI)).toBe(purl);
});

test('a variant', () => {
  const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
  expect(imagePurl('oci', parseReference('a:1'), platform)).toBe('pkg:oci/a@1?platform=linux%2Farm%2Fv7');
});
