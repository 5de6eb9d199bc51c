import { expect, test } from '@jest/globals';
import { readDirective } from './directive.js';

test.each([
  [' escape = ` ', { name: 'escape', value: '`' }],
  ['Check=skip=A;error=true', { name: 'check', value: 'skip=A;error=true' }],
  ['check=a  b\t', { name: 'check', value: 'a  b' }],
  ['x1=\u00a0', { name: 'x1', value: '\u00a0' }],
  ['escape=  \t', { name: 'escape', value: '\t' }], // as Go's expression has it: there must be a character
  ['escape=', undefined],
  ['1x=a', undefined],
  ['two words=a', undefined],
  ['words', undefined],
])('%j', (comment, expected) => {
  expect(readDirective(comment)).toEqual(expected);
});

test('agrees with the expression that BuildKit has', () => {
  const pieces = ['check', 'a1', '=', ' ', '\t', '\r', '\u00a0', '\u2028', 'é', ';', '#'];
  for (let n = 0; n < 20_000; n++) {
    const text = Array.from(
      { length: n % 8 },
      (_, i) => pieces[(n * 7919 + i * i * 104729 + (n >> i)) % pieces.length],
    ).join('');
    const match = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*([^\n]+?)[\t\n\f\r ]*$/.exec(
      text.replace(/^[\t\r \u00a0\u2028]+/, ''),
    );
    expect(readDirective(text)).toEqual(match ? { name: match[1]!.toLowerCase(), value: match[2] } : undefined);
  }
});
