import { expect, test } from '@jest/globals';
import { coalesce } from './chunks.js';

test('small chunks are gathered, large ones pass, the bytes stay the same', async () => {
  const sizes = [512, 0, 100, 300_000, 7, 70_000, 200_000, 60_000, 60_000, 60_000, 60_000, 60_000, 1];
  const chunks = sizes.map((size, i) => Buffer.alloc(size, i + 1));
  const out: Uint8Array[] = [];
  for await (const chunk of coalesce(chunks)) out.push(chunk);
  expect(Buffer.concat(out).equals(Buffer.concat(chunks))).toBe(true);
  expect(out.map((chunk) => chunk.length)).toEqual([612, 300_000, 7, 70_000, 200_000, 240_000, 60_001]);
  expect(out[1]).toBe(chunks[3]);
});

test('nothing gives nothing', async () => {
  const out: Uint8Array[] = [];
  for await (const chunk of coalesce([])) out.push(chunk);
  expect(out).toEqual([]);
});
