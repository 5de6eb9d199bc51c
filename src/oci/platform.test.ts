/** Platforms as containerd reads them: every line of testdata/vectors/platforms.jsonl is what its Parse and Normalize gave on linux/amd64. */
import { describe, expect, test } from '@jest/globals';
import { readVectors } from '../test/vectors.js';
import type { Platform } from './descriptor.js';
import { formatPlatform, machinePlatform, normalizePlatform, parsePlatform } from './platform.js';

interface Vector {
  readonly specifier: string;
  readonly parsed?: Platform;
  readonly normal?: Platform;
  readonly error?: string;
}

const MACHINE: Platform = { os: 'linux', architecture: 'amd64' };
const vectors = readVectors<Vector>('platforms');

test('the vectors', () => {
  const differing = vectors.flatMap<unknown>(({ specifier, parsed, normal, error }) => {
    const actual = parsePlatform(specifier, MACHINE);
    if (typeof actual === 'string') return error === undefined ? [{ specifier, parsed, actual }] : [];
    const same = (a: Platform, b: Platform | undefined) => b !== undefined && formatPlatform(a) === formatPlatform(b);
    const right = error === undefined && same(actual, parsed) && same(normalizePlatform(actual), normal);
    return right ? [] : [{ specifier, parsed, normal, error, actual }];
  });
  expect(differing).toEqual([]);
  expect(vectors.length).toBeGreaterThan(400);
});

describe('platforms', () => {
  test('what is wrong is said with the text in quotes', () => {
    expect(parsePlatform('wasi', MACHINE)).toBe('"wasi" is neither an operating system nor an architecture');
    expect(parsePlatform('linux/', MACHINE)).toBe('"linux/" is no platform');
    expect(parsePlatform('a/b/c/d', MACHINE)).toBe('"a/b/c/d" has too many parts');
  });

  test('an operating system alone is completed by the architecture of the machine', () => {
    const machine = { os: 'linux', architecture: 'arm64' };
    expect(parsePlatform('windows', machine)).toEqual({ os: 'windows', architecture: 'arm64' });
    expect(parsePlatform('x86_64', machine)).toEqual({ os: 'linux', architecture: 'amd64' });
  });

  test('normalising a second time changes nothing', () => {
    for (const { normal } of vectors) if (normal) expect(normalizePlatform(normal)).toEqual(normal);
  });

  test.each([
    ['x64', 'linux/amd64'],
    ['arm64', 'linux/arm64'],
    ['ia32', 'linux/386'],
    ['s390x', 'linux/s390x'],
  ])("Node's %s is %s", (arch, platform) => {
    expect(formatPlatform(machinePlatform(arch))).toBe(platform);
  });
});
