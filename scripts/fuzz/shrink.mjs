// Makes a case that differs small, shows it, and writes it down as a parity case (../shared/parity/README.md).
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';

/**
 * Shrinks the case at seed:path while it fails in the same way.
 * @param options { comparer, seconds, save, signature }: signature of what was found, undefined for anything; save: a folder
 */
export async function shrink(arbitrary, { seed, at }, { comparer, seconds, save, signature }) {
  let best;
  let wanted = signature;
  const property = fc.asyncProperty(arbitrary, async (c) => {
    const found = await comparer.compareAlone(c);
    if (!found.verdict || (wanted !== undefined && found.verdict.signature !== wanted)) return;
    wanted ??= found.verdict.signature;
    best = { c, ...found };
    throw new Error(found.verdict.kind);
  });
  const run = await fc.check(property, {
    seed,
    path: at,
    numRuns: 1,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
  });
  if (!best) {
    console.log(`  it does not happen alone (seed ${seed}, path ${at})`);
    return;
  }
  console.log(`  shrunk ${run.numShrinks} times: npm run fuzz -- --replay=${seed}:${run.counterexamplePath ?? at}`);
  console.log(`  ${JSON.stringify(best.c, null, 1).replaceAll('\n', '\n  ')}`);
  for (const line of best.verdict.details.slice(0, 12)) console.log(`  > ${line}`);
  if (save && best.result.ok !== undefined)
    saveCase(save, best, { name: `${seed}-${at}`.replace(/\W/g, '_'), about: best.verdict.details[0] ?? '' });
}

/** Writes a case with what BuildKit made of it. */
export function saveCase(folder, { c, result, image }, { name, about }) {
  fs.mkdirSync(folder, { recursive: true });
  const expect = image
    ? {
        ok: true,
        manifest: image.manifest,
        config: image.config,
        imageConfig: image.imageConfig,
        layers: image.layers,
        archive: image.archive,
        ociTarSha256: image.ociTarSha256,
      }
    : { ok: false, error: result.error, line: result.line };
  const file = path.join(folder, `${name}.json`);
  fs.writeFileSync(file, `${JSON.stringify({ name, area: 'fuzz', about, ...c, expect }, null, 2)}\n`);
}
