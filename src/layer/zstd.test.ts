import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as zlib from 'node:zlib';
import { expect, test } from '@jest/globals';
import { compressibleText, kindsOfBytes } from '../test/compressible.js';
import { compressPieces } from './build-layer.js';
import { DEFAULT_ZSTD_LEVEL, zstdCodec } from './zstd.js';

async function zstd(pieces: readonly Buffer[], { level = DEFAULT_ZSTD_LEVEL, workers = 0 } = {}): Promise<Buffer> {
  const codec = await zstdCodec({ level, workers });
  const chunks: Uint8Array[] = [];
  try {
    async function* source() {
      yield* pieces;
    }
    for await (const chunk of compressPieces(source(), codec)) chunks.push(chunk);
  } finally {
    await codec.close();
  }
  return Buffer.concat(chunks);
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

test('bytes are those of every machine', async () => {
  const pieces = [compressibleText(), ...kindsOfBytes()];
  const hashes: string[] = [];
  for (const level of [0, 1, 3, 9, 19]) hashes.push(hashOf(await zstd(pieces, { level })));
  const expected = ['97040f0aa979edd2', '97040f0aa979edd2', 'c3e16e73cbfaf012', 'bdd6294cb46497d3', '88ea8d538f1152f0'];
  expect(hashes).toEqual(expected);
});

test('and the same with any number of workers', async () => {
  const pieces = kindsOfBytes();
  const expected = '581f85a396dbce46';
  expect(hashOf(await zstd(pieces))).toBe(expected);
  for (const workers of [1, 2, 4]) expect(hashOf(await zstd(pieces, { workers }))).toBe(expected);
});

test('frames make a stream that others read to its end', async () => {
  const pieces = [compressibleText(), Buffer.alloc(0), Buffer.alloc(3 * 1024 * 1024), ...kindsOfBytes().slice(0, 2)];
  const [whole, packed] = [Buffer.concat(pieces), await zstd(pieces)];
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Buffer };
  if (zstdDecompressSync) expect(zstdDecompressSync(packed).equals(whole)).toBe(true);
  const { error, stdout } = spawnSync('zstd', ['-dc'], { input: packed, maxBuffer: 1e8 });
  if (!error) expect(stdout.equals(whole)).toBe(true); // where the program is
});
