import { describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { parseCacheFrom, parseCacheTo } from './cache-option.js';

function problem(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const [{ code, message, hint } = { code: '', message: '', hint: '' }] = error.diagnostics;
    return `${code}: ${message} (${hint})`;
  }
  return 'nothing';
}

test('what is understood', () => {
  expect(parseCacheFrom('type=local,src=a b')).toEqual({ type: 'local', src: 'a b' });
  expect(parseCacheFrom('"src=a,b",TYPE=local')).toEqual({ type: 'local', src: 'a,b' });
  expect(parseCacheTo('type=local,dest=x')).toEqual({ type: 'local', dest: 'x', ignoreError: false });
  expect(parseCacheTo('type=local,dest=x,mode=max,ignore-error=true')).toMatchObject({ ignoreError: true });
});

describe('what is not understood is refused, with what to type instead', () => {
  test.each([
    ['', 'Usage: --cache-from "": it is empty (for example: --cache-from type=local,src=DIR)'],
    ['user/app:cache', 'that is a cache in a registry for buildx'],
    ['type=registry,ref=a', 'wbuild has no type=registry (a cache of wbuild is a folder'],
    ['type=gha', 'wbuild has no type=gha'],
    ['type=lokal,src=x', 'there is no type "lokal"'],
    ['src=x', 'type= is missing'],
    ['type=local', 'src= is missing (write type=local,src=DIR)'],
    ['type=local,dest=x', 'type=local has no key "dest"'],
    ['type=local,scr=x', 'did you mean src?'],
    ['type=local,src=x,tag=y', 'wbuild has no tag= (a folder holds the cache of one build'],
    ['type=local,src=x,src=y', 'src is given twice'],
    ['type=local,src', '"src" is not key=value'],
    ['type=local,"src=x', 'it lacks'],
  ])('--cache-from %s', (text, says) => {
    expect(problem(() => parseCacheFrom(text))).toContain(says);
  });

  test.each([
    ['type=local', 'dest= is missing'],
    ['type=local,dest=x,mode=all', 'mode cannot be "all"'],
    ['type=local,dest=x,ignore-error=perhaps', 'ignore-error cannot be "perhaps"'],
    ['type=local,dest=x,compression=zstd', 'wbuild has no compression='],
    ['type=inline', 'wbuild has no type=inline'],
  ])('--cache-to %s', (text, says) => {
    expect(problem(() => parseCacheTo(text))).toContain(says);
  });
});
