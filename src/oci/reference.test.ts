import { describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { familiarName, formatReference, parseReference } from './reference.js';

const HEX = '0123456789abcdef'.repeat(4);

/** Typed, in full, and as Docker shows it. */
const NAMES: readonly [string, string, string][] = [
  ['app', 'docker.io/library/app:latest', 'app:latest'],
  ['app:1.0', 'docker.io/library/app:1.0', 'app:1.0'],
  ['team/app', 'docker.io/team/app:latest', 'team/app:latest'],
  ['docker.io/app', 'docker.io/library/app:latest', 'app:latest'],
  ['index.docker.io/app:2', 'docker.io/library/app:2', 'app:2'],
  ['docker.io/library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/b/c:2', 'localhost:5000/b/c:2', 'localhost:5000/b/c:2'],
  ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
  ['127.0.0.1/app', '127.0.0.1/app:latest', '127.0.0.1/app:latest'],
  ['Registry/app', 'Registry/app:latest', 'Registry/app:latest'],
  ['my_host.local/app:1', 'my_host.local/app:1', 'my_host.local/app:1'],
  ['a__b/c---d.e_f:Tag_1.-', 'docker.io/a__b/c---d.e_f:Tag_1.-', 'a__b/c---d.e_f:Tag_1.-'],
  ['localhost', 'docker.io/library/localhost:latest', 'localhost:latest'],
  [`app@sha256:${HEX}`, `docker.io/library/app@sha256:${HEX}`, `app@sha256:${HEX}`],
  [`app:1@sha256:${HEX}`, `docker.io/library/app:1@sha256:${HEX}`, `app:1@sha256:${HEX}`],
  [`app@sha512:${HEX}${HEX}`, `docker.io/library/app@sha512:${HEX}${HEX}`, `app@sha512:${HEX}${HEX}`],
];

test.each(NAMES)('%s', (typed, full, familiar) => {
  const reference = parseReference(typed);
  expect(formatReference(reference)).toBe(full);
  expect(familiarName(reference)).toBe(familiar);
  expect(parseReference(full)).toEqual(reference);
});

describe('no image name', () => {
  const diagnosticOf = (text: string) => {
    try {
      parseReference(text);
    } catch (error) {
      expect(error).toBeInstanceOf(BuildError);
      return (error as BuildError).diagnostics[0]!;
    }
    throw new Error(`${text} was accepted`);
  };

  test.each([
    ['', 'an image name is empty'],
    ['a b', '"a b" is no image name: " " cannot stand at character 2'],
    ['-app', '"-app" is no image name: "-" cannot stand at character 1'],
    ['team/-app', '"team/-app" is no image name: "-" cannot stand at character 6'],
    ['index.docker.io/a b', '"index.docker.io/a b" is no image name: " " cannot stand at character 18'],
    ['app:', '"app:" is no image name: it ends too early'],
    ['app/', '"app/" is no image name: it ends too early'],
    ['app:-1', '"app:-1" is no image name: "-" cannot stand at character 5'],
    ['a___b', '"a___b" is no image name: "_" cannot stand at character 4'],
    ['a-_b', '"a-_b" is no image name: "_" cannot stand at character 3'],
    ['ä', '"ä" is no image name: "ä" cannot stand at character 1'],
    ['https://example.com/app', '"https://example.com/app" is no image name: "/" cannot stand at character 7'],
    [HEX, `"${HEX}" is no image name: 64 hex digits are an image ID`],
    [`app:${'t'.repeat(129)}`, `"app:${'t'.repeat(129)}" is no image name: its tag has 129 characters`],
    ['a'.repeat(300), `"${'a'.repeat(300)}" is no image name: it has 308 characters`],
    ['a'.repeat(5000), 'an image name cannot have 5000 characters'],
    ['app@sha256:abc', '"app@sha256:abc" is no image name: its digest is not complete'],
    [
      `app@sha256:${HEX.toUpperCase()}`,
      `"app@sha256:${HEX.toUpperCase()}" is no image name: its digest is not complete`,
    ],
    [`app@md5:${HEX}`, `"app@md5:${HEX}" is no image name: there is no digest algorithm "md5"`],
  ])('%s', (text, message) => {
    expect(diagnosticOf(text)).toMatchObject({ code: 'InvalidReference', message });
  });

  test.each([
    ['App', 'write app'],
    ['team/App:Tag', 'write team/app:Tag'],
    ['docker.io/App', 'write docker.io/app'],
    ['Registry/App:1', 'write Registry/app:1'],
  ])('in upper case: %s', (text, hint) => {
    expect(diagnosticOf(text)).toMatchObject({ code: 'InvalidReference', hint });
  });

  test('the lengths that are just right', () => {
    expect(parseReference(`app:${'t'.repeat(128)}`).tag).toHaveLength(128);
    expect(parseReference('a'.repeat(255 - 'library/'.length)).path).toHaveLength(255);
  });
});
