import { expect, test } from '@jest/globals';
import grammar from '../generated/output.ohm-bundle.js';
import { match } from './grammar.js';

test('a match, or where the text stops being one', () => {
  expect(match(grammar, 'a,b', 'fields')).toMatchObject({ ok: true });
  expect(match(grammar, 'a"b')).toEqual({ ok: false, position: 1, expected: 'end of input' });
  expect(match(grammar, '"ab')).toMatchObject({
    ok: false,
    position: 3,
    expected: expect.stringContaining('a closing quote'),
  });
});
