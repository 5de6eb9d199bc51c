/** Sixteen processes that build different and equal things in one store, while two others prune and verify it in a loop, and a third tears blobs out of it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { ImageIndex } from '../../store/image-index.js';
import { ROOT } from '../rig.js';
import { buildHere, damageIn, freshBytes, NAMES, SEED, useCounts, useFolder, writeContext } from './workload.js';

const folder = useFolder();
const count = useCounts('races');
const BUILDERS = 16;
const SWEEPERS = ['prune', 'prune', 'tear'];
const ROUNDS = 12;
const CONTEXTS = 30;

function start(script: string, ...args: string[]) {
  const child = spawn(process.execPath, [path.join(ROOT, 'src/test/faults', script), ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const done = new Promise<Record<string, number>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(stdout)) : reject(new Error(`${script}: ${stderr}`))));
  });
  return { child, done };
}

test('every build gives what it gives alone, and the store is whole at the end', async () => {
  const contexts = [];
  for (let variant = 0; variant < CONTEXTS; variant++) {
    const context = folder.at(`ctx-${variant}`);
    writeContext(context, variant, 20_000); // of each pair, two of the three layers are equal
    const bytes = await freshBytes(context, folder.at());
    contexts.push({ path: context, digest: createHash('sha256').update(bytes).digest('hex') });
  }
  const store = folder.at('store');
  fs.writeFileSync(folder.at('plan'), JSON.stringify({ store, folder: folder.at(), rounds: ROUNDS, contexts }));
  const sweepers = SWEEPERS.map((how) => start('sweeper.mjs', store, how));
  const builders = Array.from({ length: BUILDERS }, (_, i) =>
    start('builder.mjs', folder.at('plan'), String(SEED + i)),
  );
  try {
    for (const counts of await Promise.all(builders.map((b) => b.done))) {
      expect(counts.warnings).toBe(0);
      count('builds', counts.builds);
      count('layers from the store', counts.cached);
      count('layers built', counts.built);
      count('images not listed, since a blob was torn out', counts.unlisted);
    }
  } finally {
    for (const { child } of sweepers) child.stdin.end();
    for (const { child } of builders) child.kill('SIGKILL');
  }
  for (const counts of await Promise.all(sweepers.map((s) => s.done))) {
    expect(counts.damaged).toBe(0);
    count('prunes', counts.prunes);
    count('records pruned', counts.records);
    count('blobs pruned', counts.blobs);
    count('blobs torn out', counts.torn);
    count('verifies', counts.verifies);
  }
  expect((await new ImageIndex(store).list()).map((image) => image.name)).toEqual(NAMES);
  const { path: context } = contexts[0]!;
  const last = await buildHere(context, store, { out: folder.at('last.tar') });
  expect(last.bytes.equals(await freshBytes(context, folder.at()))).toBe(true);
  expect(await damageIn(store)).toEqual([]);
  expect(fs.readdirSync(path.join(store, 'builds'))).toEqual([]);
  expect(fs.readdirSync(path.join(store, 'tmp'))).toEqual([]);
  expect(fs.readdirSync(store).filter((name) => name.includes('lock'))).toEqual([]);
}, 600_000);
