import { expect, test } from '@jest/globals';
import type { BuildResult } from '../build/build-options.js';
import type { CacheMiss } from '../progress/cache-miss.js';
import { explanationText, missText } from './explanation.js';

test.each<[CacheMiss, string]>([
  [{ kind: 'off' }, '--no-cache: the cache was not asked'],
  [{ kind: 'first-build' }, 'nothing is remembered of a build of this context, Dockerfile, target and platform'],
  [{ kind: 'instruction' }, 'the instruction is new'],
  [{ kind: 'instruction', before: 'COPY a /' }, 'the instruction changed; it was: COPY a /'],
  [
    { kind: 'option', option: 'compression', before: 'gzip', after: 'uncompressed' },
    'compression changed from gzip to uncompressed',
  ],
  [{ kind: 'files', more: 0 }, 'files changed; there were too many to remember which'],
  [{ kind: 'files', first: { path: 'a', how: 'removed' }, more: 0 }, 'a was removed'],
  [{ kind: 'files', first: { path: 'a', how: 'added' }, more: 1 }, 'a was added, and 1 more path differs'],
  [
    {
      kind: 'files',
      first: {
        path: 'a\u001b[31m',
        how: 'changed',
        fields: [{ field: 'content' }, { field: 'owner', before: '0:0', after: '1:1' }],
      },
      more: 12,
    },
    'a\\x1b[31m: its content changed, owner 0:0 is now 1:1, and 12 more paths differ',
  ],
  [
    { kind: 'no-record' },
    'nothing changed, but the cache has no record of it: it was pruned, or the record was damaged',
  ],
  [{ kind: 'no-blob' }, 'nothing changed, but its blob in the cache was gone or damaged'],
])('%j', (miss, text) => {
  expect(missText(miss)).toBe(text);
});

test('a build that redid nothing says so', () => {
  const counters = { built: 0, cached: 2, imported: 1 } as BuildResult['counters'];
  expect(explanationText({ counters, misses: [] } as unknown as BuildResult)).toBe(
    'no layer was redone: 3 of 3 came from the cache\n',
  );
});
