/** A program that builds all day on a builder: a thousand solves leave neither memory nor sockets behind. */
import fs from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { build } from '../../build/build-request.js';
import { useRig } from '../rig.js';
import { ociArchive, tarOf } from './archives.js';
import { startFake } from './fake-builder.js';

const rig = useRig();

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What the process holds: bytes of heap, and open files with sockets among them. */
async function held(): Promise<{ heap: number; files: number }> {
  await new Promise((resolve) => setTimeout(resolve, 200)); // what was closed is let go in the next rounds of the loop
  collect();
  return { heap: process.memoryUsage().heapUsed, files: fs.readdirSync('/proc/self/fd').length };
}

test('1,000 solves', async () => {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': 'a' });
  const layer = tarOf([['a', Buffer.from('a')]]);
  const fake = await startFake(rig.path('../b.sock'), {
    version: 'v0.25.0',
    solve: async (session, request) => {
      await session.fetchAll({ 'dir-name': 'context', followpaths: ['a'] });
      await session.send(ociArchive(request.exporters[0]!.attrs['containerimage.config']!, layer));
    },
  });
  const run = async (count: number) => {
    const one = () =>
      build({
        context: rig.path('ctx'),
        platform: 'wasi/wasm',
        cacheDir: rig.cacheDir,
        builder: { addresses: fake.address },
        outputs: [{ type: 'oci', dest: '/dev/null', compression: 'uncompressed' }],
      });
    let left = count;
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        while (left-- > 0) await one();
      }),
    );
  };
  await run(200); // caches and pools fill up
  const before = await held();
  await run(800);
  const after = await held();
  expect(fake.solves()).toBe(1000);
  fake.close();
  expect(after.files).toBeLessThanOrEqual(before.files + 4);
  // a session that stayed would be some 100 kB
  expect(after.heap - before.heap).toBeLessThan(8_000_000);
}, 240_000);
