import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseJsonArray } from './json-form.js';

const values = (text: string) => parseJsonArray(text)?.map((element) => element.value);

test('any list of strings, with blanks wherever JSON has them, each with its place', () => {
  const blanks = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  const text = fc.string({ unit: 'grapheme' });
  const item = fc.tuple(blanks, text, blanks, fc.boolean());
  fc.assert(
    fc.property(fc.array(item, { maxLength: 5 }), blanks, (items, inside) => {
      const escaped = (s: string, all: boolean) =>
        all
          ? `"${[...s].map((c) => Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')).join('')}"`
          : JSON.stringify(s);
      const json = `[${items.length === 0 ? inside : items.map(([a, s, b, all]) => `${a}${escaped(s, all)}${b}`).join(',')}]`;
      const elements = parseJsonArray(json);
      expect(elements?.map((e) => e.value)).toEqual(items.map(([, s]) => s));
      expect(elements!.map((e) => JSON.parse(json.slice(e.start, e.end)))).toEqual(items.map(([, s]) => s));
    }),
  );
});

test('what JSON.parse refuses, or takes for something else than a list, is the shell form', () => {
  const pieces = [
    '[',
    ']',
    '"a"',
    '"',
    "'a'",
    ',',
    ' ',
    '\\',
    '\\u00',
    '1',
    'null',
    '{}',
    '[]',
    'a',
    '\u00a0',
    '"\\n"',
    '"\n"',
  ];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 7 }).map((p) => p.join('')),
      (text) => {
        let list: unknown;
        try {
          list = JSON.parse(text);
        } catch {
          // no JSON
        }
        const expected =
          Array.isArray(list) && text.startsWith('[')
            ? list.map((v) => (typeof v === 'string' ? v : undefined))
            : undefined;
        expect(values(text)).toEqual(expected);
      },
    ),
    { numRuns: 2000 },
  );
});

describe('where Go and JavaScript differ, Go is followed', () => {
  test('half surrogates become U+FFFD', () => {
    expect(values('["a\\ud800b"]')).toEqual(['a\ufffdb']);
    expect(values('["\\ud83d\\ude00"]')).toEqual(['😀']);
  });

  test('a number too large for a float is no JSON', () => {
    expect(values('["a", 1e999]')).toBeUndefined();
    expect(values('["a", {"b": [1e999]}]')).toBeUndefined();
    expect(values('["a", 1e99]')).toEqual(['a', undefined]);
  });
});

test('a list that nests deep is read as far as Go reads it, and no further', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  for (const depth of [99, 102, 10_000]) expect(parseJsonArray(nested(depth))).toMatchObject([{ value: undefined }]);
  for (const depth of [10_001, 100_000]) expect(parseJsonArray(nested(depth))).toBeUndefined();
});

test('a list too long for the grammar is read all the same', () => {
  const long = Array.from({ length: 20_000 }, (_, i) => String(i));
  expect(values(JSON.stringify(long))).toEqual(long);
});
