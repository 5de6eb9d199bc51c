/** Text as Go has it. Every line of testdata/vectors/quote.jsonl is what strconv.Quote gave. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readVectors, textOf, type VectorText } from '../test/vectors.js';
import { compareBytes, decodeText, encodeText, hasRawBytes, isSpace, quote, trimSpace } from './text.js';

interface Vector {
  readonly text: VectorText;
  readonly quoted: string;
}

const vectors = readVectors<Vector>('quote');

test('quote: the vectors', () => {
  const differing = vectors.filter(({ text, quoted }) => quote(textOf(text)) !== quoted);
  expect(differing.map(({ text, quoted }) => ({ text, quoted, actual: quote(textOf(text)) }))).toEqual([]);
  expect(vectors.length).toBeGreaterThan(2000);
});

test('bytes survive being text, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = decodeText(bytes);
      expect(Buffer.from(bytes).equals(encodeText(text))).toBe(true);
      expect(hasRawBytes(text)).toBe(!Buffer.from(Buffer.from(bytes).toString()).equals(Buffer.from(bytes)));
    }),
  );
});

test('the order of texts is that of their bytes', () => {
  const unit = fc.oneof(fc.constantFrom('a', '/', '\uffff', '\u{10000}', 'é'), fc.string({ unit: 'binary' }));
  const text = fc.array(unit, { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Math.sign(Buffer.compare(encodeText(a), encodeText(b))));
    }),
  );
});

describe('blanks', () => {
  test("are Go's, not JavaScript's", () => {
    expect(isSpace('\u0085')).toBe(true);
    expect(isSpace('\ufeff')).toBe(false);
    expect(trimSpace('\u3000 a\u0085b \t\n')).toBe('a\u0085b');
    expect(trimSpace('\ufeffa')).toBe('\ufeffa');
    expect(trimSpace(' \t ')).toBe('');
  });
});
