import { expect, test } from '@jest/globals';
import { goJson } from './go-json.js';

test('a Map keeps the order of its keys, also of those that look like numbers', () => {
  const map = new Map([
    ['10', 'a'],
    ['2', 'b'],
  ]);
  expect(goJson({ z: map, a: undefined })).toBe('{"z":{"10":"a","2":"b"}}');
});

test('what is empty stays on one line, as in Go', () => {
  expect(goJson({ a: [], b: {}, c: [1, { d: null }] }, 2)).toBe(
    '{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    {\n      "d": null\n    }\n  ]\n}',
  );
});

test('keys are escaped as values are', () => {
  expect(goJson({ '<&>': '\u2028\ud800"\\' })).toBe('{"\\u003c\\u0026\\u003e":"\\u2028\ufffd\\"\\\\"}');
});
