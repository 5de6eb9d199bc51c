import { describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { parseRunArgs } from './run-args.js';

const parse = (...argv: string[]) => parseRunArgs(argv, { WBUILD_CACHE_DIR: '/c', HERE: 'yes' });

function mistakes(...argv: string[]): string[] {
  try {
    parse(...argv);
  } catch (error) {
    if (error instanceof BuildError) return error.diagnostics.map((d) => d.message);
    throw error;
  }
  return [];
}

describe('parseRunArgs', () => {
  test('takes the image, and what follows is the program’s', () => {
    const none = { env: {}, folders: [], writable: false, cacheDir: '/c' };
    expect(parse('app:1')).toEqual({ image: 'app:1', args: [], ...none });
    expect(parse('app', '--help', '-e', 'x')).toEqual({ image: 'app', args: ['--help', '-e', 'x'], ...none });
    expect(parse('--', 'app', '--', 'x')).toEqual({ image: 'app', args: ['--', 'x'], ...none });
  });

  test('takes variables and folders', () => {
    const argv = [
      '-e',
      'A=b=c',
      '--env=HERE',
      '-eGONE',
      '--dir',
      '.',
      '--dir',
      'x::/y',
      '--dir=x::/z::ro',
      '--writable',
    ];
    expect(parse(...argv, '--platform', 'wasi/wasm', 'app')).toMatchObject({
      env: { A: 'b=c', HERE: 'yes' },
      folders: [
        { host: '.', guest: '.', writable: true },
        { host: 'x', guest: '/y', writable: true },
        { host: 'x', guest: '/z', writable: false },
      ],
      writable: true,
      platform: 'wasi/wasm',
    });
    expect(parse('--writable=false', 'app')).toMatchObject({ writable: false });
  });

  test('says what is wrong', () => {
    expect(parse('--help', 'app')).toBe('help');
    expect(mistakes()).toEqual(['wbuild run needs an image']);
    expect(mistakes('--env')).toEqual(['--env needs a value']);
    expect(mistakes('--volume', 'a:b', 'app')).toEqual(['wbuild run has no option "--volume"'.replaceAll('"', '')]);
    expect(mistakes('-e', '=x', 'app')).toEqual(['--env "=x" has no name']);
    expect(mistakes('--dir', 'a::b::wo', 'app')).toEqual(['--dir "a::b::wo" is not HOST::GUEST']);
    expect(mistakes('--dir', '::b', 'app')).toEqual(['--dir "::b" is not HOST::GUEST']);
    expect(mistakes('--writable=x', 'app')).toEqual([
      '--writable is either given or not: "x" is neither true nor false',
    ]);
  });
});
