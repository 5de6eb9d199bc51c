/** Every single-platform output of BuildKit that shared/parity/outputs.json holds, byte for byte; the digests are BuildKit's own. */
import { describe, expect, test } from '@jest/globals';
import { archiveOf, exportInput, helloImage } from '../test/hello-image.js';
import { sha256 } from '../util/digest.js';
import { EXPORTERS } from './exporter.js';

const TAG = 'docker.io/moimhossain/dotnet-wasi-helloworld:alpha';

describe('the archives that BuildKit writes', () => {
  const cases: [string, 'oci' | 'docker', boolean, string[], string][] = [
    [
      'docker-archive with a tag',
      'docker',
      true,
      [TAG],
      'b70923c18b3bf6fc1963566ce14d938adf26eb0e1543151ba4cdf95bec983732',
    ],
    [
      'docker-archive with docker media types',
      'docker',
      false,
      [TAG],
      '6148f0697baf497a697e7db2d7514f7301d2eb955d356f21019a8c3ec2eb6c27',
    ],
    [
      'docker-archive with two tags',
      'docker',
      true,
      ['docker.io/library/a:1', 'localhost:5000/b/c:2'],
      '8f41ab28128b63b94ec070a048f54a8059fee406a9c06c2b964f85e0e0c471d0',
    ],
    [
      'docker-archive without a tag',
      'docker',
      true,
      [],
      'be95e74bd2365cbcf420a2f8e032e3c7527db8d53d7666a9e2fd81c8ea8f0731',
    ],
    ['oci archive with a tag', 'oci', true, [TAG], '2fc63b954384dca19f3c9fe99ef2172a723a1a11087f8b00aaf586f681b44a14'],
    [
      'oci archive with a default tag',
      'oci',
      true,
      ['hello'],
      'c49878817cb8e263d9d6a6b4f272aa44400dcf2da0b07bca4e4896e2d2cf29a3',
    ],
    [
      'oci archive, docker media types',
      'oci',
      false,
      [],
      'fda79533678aac512e98ed9c1c33638840934b60edf1c3dd5972b651d184ab3c',
    ],
  ];
  test.each(cases)('%s', async (_about, type, oci, names, expected) => {
    const archive = await archiveOf(EXPORTERS[type], exportInput({ target: helloImage(oci), names }));
    expect(sha256(archive)).toBe(`sha256:${expected}`);
  });

  test('root filesystem as a tar', async () => {
    const archive = await archiveOf(EXPORTERS.tar, exportInput());
    expect(sha256(archive)).toBe('sha256:12a0af7f5186b7b0c19a7ec4d3335ad1e53b4c2140dc6c905ff46025dc52a0d4');
  });
});
