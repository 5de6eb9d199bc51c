// One of many processes that build at once: again and again one of some contexts, in one store, each checked against the digest that it must have.
//   node builder.mjs PLAN SEED      PLAN: JSON { store, folder, rounds, contexts: [{ path, digest }] }
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { build } from '../../../dist/build/build-request.js';

const [planFile, seed] = process.argv.slice(2);
const { store, folder, rounds, contexts } = JSON.parse(fs.readFileSync(planFile, 'utf8'));
const out = path.join(folder, `out-${seed}.tar`);
let state = Number(seed) * 7919;
const next = (n) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * n);
};
const counts = { builds: 0, built: 0, cached: 0, unlisted: 0, warnings: 0 };
for (let round = 0; round < rounds; round++) {
  const { path: context, digest } = contexts[next(contexts.length)];
  const names = ['docker.io/me/app:latest'];
  const outputs = [{ type: 'oci', dest: out }];
  const { counters, warnings } = await build({ context, cacheDir: store, outputs, names });
  const made = createHash('sha256').update(fs.readFileSync(out)).digest('hex');
  if (made !== digest) throw new Error(`round ${round}: ${context} gave ${made}, not ${digest}`);
  counts.builds++;
  counts.built += counters.built;
  counts.cached += counters.cached;
  // a blob that is torn out behind the export leaves nothing that a name could stand for
  const unlisted = warnings.filter(({ message }) =>
    message.endsWith('is not listed in the store: its layers are not all there'),
  );
  counts.unlisted += unlisted.length;
  counts.warnings += warnings.length - unlisted.length;
  for (const warning of warnings) process.stderr.write(`${warning.message}\n`);
}
process.stdout.write(JSON.stringify(counts));
