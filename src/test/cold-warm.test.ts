/**
 * A property: whatever a store holds, a build writes the bytes that it writes with an empty one. Random trees, random edits, random outputs;
 * one store for all of them, and one that is exported and imported again.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { build } from '../build/build.js';
import type { BuildOptions, OutputSpec } from '../build/build-options.js';

let base: string;
const at = (...parts: string[]) => path.join(base, ...parts);
beforeAll(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cold-warm-')));
});
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

const NAMES = ['a', 'b', 'a/x', 'a/y', 'b/x', 'b/z/q', 'c', 'ü'];
const CONTENTS = ['', 'one', 'two', 'same size!', 'size same!', 'long '.repeat(5000)];

/** What is done to a context between two builds. */
const edit = fc.oneof(
  fc.record({
    do: fc.constant('write' as const),
    name: fc.constantFrom(...NAMES),
    content: fc.constantFrom(...CONTENTS),
  }),
  fc.record({
    do: fc.constant('touch' as const),
    name: fc.constantFrom(...NAMES),
    time: fc.integer({ min: -5, max: 2_000_000_000 }),
  }),
  fc.record({
    do: fc.constant('chmod' as const),
    name: fc.constantFrom(...NAMES),
    mode: fc.constantFrom(0o600, 0o644, 0o755, 0o4755),
  }),
  fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({
    do: fc.constant('symlink' as const),
    name: fc.constantFrom(...NAMES),
    to: fc.constantFrom('a', 'x', '../c', 'nowhere'),
  }),
  fc.record({ do: fc.constant('link' as const), name: fc.constantFrom(...NAMES), to: fc.constantFrom(...NAMES) }),
  fc.record({ do: fc.constant('rename' as const), name: fc.constantFrom(...NAMES), to: fc.constantFrom(...NAMES) }),
  fc.record({
    do: fc.constant('dockerfile' as const),
    lines: fc.subarray(
      ['COPY . /all/', 'COPY a* /x/', 'COPY --link --chown=7 . /l/', 'COPY . /all/', 'COPY --chmod=700 . /m/'],
      { minLength: 1 },
    ),
  }),
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** Applies an edit; one that the file system refuses is none. */
function apply(context: string, e: Edit): void {
  const file = path.join(context, 'name' in e ? e.name : '');
  try {
    if (e.do === 'write') {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, e.content);
    } else if (e.do === 'touch') fs.lutimesSync(file, e.time, e.time);
    else if (e.do === 'chmod') fs.chmodSync(file, fs.lstatSync(file).isDirectory() ? 0o755 : e.mode);
    else if (e.do === 'remove') fs.rmSync(file, { recursive: true });
    else if (e.do === 'symlink') fs.symlinkSync(e.to, file);
    else if (e.do === 'link') fs.linkSync(path.join(context, e.to), file);
    else if (e.do === 'rename') fs.renameSync(file, path.join(context, e.to));
    else fs.writeFileSync(path.join(context, 'Dockerfile'), `FROM scratch\n${e.lines.join('\n')}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

const form = fc.record({
  compression: fc.constantFrom('gzip' as const, 'uncompressed' as const),
  epochSeconds: fc.constantFrom(0, 1_000_000_000),
  /** Whether the clock is so far ahead that digests are trusted. */
  later: fc.boolean(),
});

test('cold and warm builds write the same bytes', async () => {
  const store = at('store');
  const run = async (
    context: string,
    cacheDir: string,
    f: { compression: OutputSpec['compression']; epochSeconds: number; later: boolean },
    more: Partial<BuildOptions> = {},
  ) => {
    const dest = at('out.tar');
    const outputs: OutputSpec[] = [
      { type: 'oci', dest, tar: true, names: [], ociMediaTypes: true, compression: f.compression },
    ];
    const clock = () => BigInt(Date.now() + (f.later ? 60_000 : 0)) * 1_000_000n;
    const { counters } = await build({ context, cacheDir, outputs, epochSeconds: f.epochSeconds, ...more }, { clock });
    return { bytes: fs.readFileSync(dest), counters };
  };
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(edit, { minLength: 1, maxLength: 5 }), form), { minLength: 2, maxLength: 5 }),
      async (rounds) => {
        const context = at(`ctx-${number++}`);
        fs.mkdirSync(context);
        fs.writeFileSync(path.join(context, 'a'), 'first');
        fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY . /all/\n');
        for (const [edits, f] of rounds) {
          for (const e of edits) apply(context, e);
          const ci = at('ci');
          const warm = await run(context, store, f, {
            cacheTo: [{ type: 'local', dest: ci, ignoreError: false }],
          }).catch(String);
          const cold = await run(context, at('cold'), f).catch(String);
          if (typeof warm === 'string' || typeof cold === 'string')
            expect(warm).toEqual(cold); // both fail, for one reason
          else {
            expect(warm.bytes.equals(cold.bytes)).toBe(true);
            const again = await run(context, store, f);
            expect(again.bytes.equals(cold.bytes)).toBe(true);
            expect(again.counters).toMatchObject({ built: 0, packedFiles: 0, compressedBytes: 0 });
            const carried = await run(context, at('carried'), f, { cacheFrom: [{ type: 'local', src: ci }] });
            expect(carried.bytes.equals(cold.bytes)).toBe(true);
            expect(carried.counters.built).toBe(0);
          }
          for (const name of ['cold', 'carried']) fs.rmSync(at(name), { recursive: true, force: true });
        }
        fs.rmSync(context, { recursive: true });
      },
    ),
    { numRuns: Number(process.env.WBUILD_RUNS ?? 20) },
  );
}, 120_000);
