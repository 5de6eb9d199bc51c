/** The known answers that Node's zlib is held against are pako's. */
import { expect, test } from '@jest/globals';
import { pakoDeflater } from '../../layer/gzip.js';
import { ANSWERS, digestOf, longProbe, shortProbe } from '../../layer/zlib-check.js';

test("the answers of every level are pako's", async () => {
  const answers: [string, string][] = [];
  for (let level = 0; level <= 9; level++) {
    const deflate = await pakoDeflater(level);
    const outs: Uint8Array[] = [];
    for (const piece of longProbe()) outs.push(await deflate(piece));
    answers.push([digestOf([await deflate(shortProbe())]), digestOf(outs)]);
  }
  expect(answers).toEqual(ANSWERS);
}, 120_000);
