/** kill -9 at every step of every write, and at random moments: the output is the old one or the new one, and the next build is as if nothing was. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { BIN, ROOT } from '../rig.js';
import { buildHere, damageIn, freshBytes, randomFrom, SEED, useCounts, useFolder, writeContext } from './workload.js';

const folder = useFolder();
const count = useCounts('kill -9');

/** The driver and the program in one file, which starts in half the time. */
const driver = () => folder.at('driver.mjs');
beforeAll(() => {
  const entryPoints = [path.join(ROOT, 'src/test/faults/driver.mjs')];
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  buildSync({
    entryPoints,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner,
    outfile: driver(),
    logLevel: 'error',
  });
});

/** Moments at which builds are killed in all. */
const MOMENTS = 300;

interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Runs a program of Node; `killAfter`: milliseconds. */
function run(args: readonly string[], { env = {}, killAfter }: { env?: NodeJS.ProcessEnv; killAfter?: number } = {}) {
  return new Promise<Run>((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr!.on('data', (chunk) => {
      stderr += chunk;
    });
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stderr });
    });
  });
}

/** A place with a store, outputs and a context; `full`: with everything that a build can write. */
function placeOf(name: string, full: boolean) {
  const at = (...parts: string[]) => folder.at(name, ...parts);
  fs.mkdirSync(at(), { recursive: true });
  const more = [
    ['--metadata-file', at('meta.json'), '--cache-to', `type=local,dest=${at('ci')}`],
    ['-o', `type=docker,dest=${at('docker.tar')},compression=uncompressed`],
  ].flat();
  const args = ['build', '-t', 'me/app', '--cache-dir', at('store'), '-o', `type=oci,dest=${at('out.tar')}`];
  return { at, context: at('ctx'), store: at('store'), args: [...args, ...(full ? more : []), at('ctx')] };
}

type Place = ReturnType<typeof placeOf>;

const readIf = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file) : undefined);

/** Whether a file holds one of the contents that it may have. */
function expectOneOf(file: string, wanted: readonly (Buffer | undefined)[]): void {
  const is = readIf(file);
  expect(wanted.some((w) => (w === undefined ? is === undefined : is?.equals(w)))).toBe(true);
}

/** What must hold after a kill: nothing is damaged, and a build with this store, and with the exported cache alone, writes the right bytes. */
async function expectSound(place: Place, right: Buffer): Promise<void> {
  expect(await damageIn(place.store)).toEqual([]);
  const again = await buildHere(place.context, place.store, { out: place.at('again.tar') });
  expect(again.bytes.equals(right)).toBe(true);
  expect(again.warnings).toEqual([]);
  if (!fs.existsSync(place.at('ci'))) return;
  const cacheFrom = [{ type: 'local', src: place.at('ci') }] as const;
  const carried = await buildHere(place.context, place.at('none'), { out: place.at('carried.tar'), cacheFrom });
  expect(carried.bytes.equals(right)).toBe(true);
  expect(carried.warnings.filter((w) => w.code !== 'CacheNotUsable')).toEqual([]);
  fs.rmSync(place.at('none'), { recursive: true, force: true });
}

/** Steps of a whole run, from the state that `prepare` makes. */
async function stepsOf(place: Place, prepare: () => void): Promise<readonly string[]> {
  prepare();
  const ended = await run([driver(), '0', ...place.args], { env: { STEPS: place.at('steps') } });
  expect(ended).toMatchObject({ code: 0 });
  return fs.readFileSync(place.at('steps'), 'utf8').split('\n');
}

/** What a build leaves. */
const PARTS = ['store', 'ci', 'out.tar', 'docker.tar', 'meta.json'];

/** Puts a place into a state that was saved. */
function restore(place: Place, from: string): void {
  for (const name of PARTS) {
    fs.rmSync(place.at(name), { recursive: true, force: true });
    if (fs.existsSync(path.join(from, name)))
      fs.cpSync(path.join(from, name), place.at(name), { recursive: true, preserveTimestamps: true });
  }
}

test.each<[string, boolean]>([
  ['the first build', false],
  ['a build of a changed context, over outputs of every kind of an earlier one', true],
])(
  'at each step of %s',
  async (_which, full) => {
    const place = placeOf(full ? 'again' : 'first', full);
    const saved = place.at('saved');
    fs.mkdirSync(saved);
    writeContext(place.context, 1, 20_000);
    if (full) {
      expect(await run([BIN, ...place.args])).toMatchObject({ code: 0 });
      for (const name of PARTS)
        fs.cpSync(place.at(name), path.join(saved, name), { recursive: true, preserveTimestamps: true });
      writeContext(place.context, 3, 20_000);
    }
    const steps = await stepsOf(place, () => restore(place, saved));
    expect(steps.length).toBeGreaterThan(30);
    const right = fs.readFileSync(place.at('out.tar'));
    expect(right.equals(await freshBytes(place.context, place.at()))).toBe(true);
    const docker = readIf(place.at('docker.tar'));
    for (let nth = 1; nth <= steps.length; nth++) {
      restore(place, saved);
      expect(await run([driver(), String(nth), ...place.args])).toMatchObject({ signal: 'SIGKILL' });
      expectOneOf(place.at('out.tar'), [readIf(path.join(saved, 'out.tar')), right]);
      expectOneOf(place.at('docker.tar'), [readIf(path.join(saved, 'docker.tar')), docker]);
      await expectSound(place, right);
      count('steps of writes');
    }
  },
  600_000,
);

test('at random moments of real builds', async () => {
  const random = randomFrom(SEED);
  let left = MOMENTS;
  const kill = async (name: string) => {
    const place = placeOf(name, false);
    writeContext(place.context, 0);
    const started = performance.now();
    expect(await run([BIN, ...place.args])).toMatchObject({ code: 0 });
    let whole = performance.now() - started;
    let before = fs.readFileSync(place.at('out.tar'));
    while (left > 0) {
      writeContext(place.context, Math.floor(random() * 1000));
      if (random() < 0.2) fs.rmSync(place.store, { recursive: true, force: true });
      const right = await freshBytes(place.context, place.at());
      const begun = performance.now();
      const { signal } = await run([BIN, ...place.args], { killAfter: whole * (0.25 + 0.75 * random()) });
      if (signal === null)
        whole = whole * 0.8 + (performance.now() - begun) * 0.2; // it came too late, and does not count
      else left--;
      count(signal === null ? 'moments that came too late' : 'random moments');
      expectOneOf(place.at('out.tar'), [before, right]);
      await expectSound(place, right);
      before = fs.readFileSync(place.at('out.tar'));
    }
  };
  await Promise.all([kill('left'), kill('right')]);
}, 600_000);
