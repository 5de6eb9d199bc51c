/**
 * Determinism as a property: random trees and Dockerfiles, built twice, the second time with all that must not matter changed: working folder,
 * time zone, locale, order in the directory, umask, owners, times later than the epoch, a warm store. fast-check prints the seed of a failure.
 */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { runCommand } from '../command.js';
import { useRig } from '../rig.js';

const rig = useRig();

interface Entry {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** Whole seconds and a fraction. */
  readonly mtime: number;
  readonly link: boolean;
}

/** Before and after the epochs that are tried. */
const OLD = [1, 999_999_999];
const LATE = [1_600_000_000, 1_700_000_000.5, 4_000_000_000];
const EPOCHS = ['0', '1000000000', '1500000000'];

const name = fc.constantFrom('a', 'B', 'ä', '_x', '.dot', 'Z-z', 'long-'.repeat(25), '10', '9');
const entry: fc.Arbitrary<Entry> = fc.record({
  path: fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  content: fc.constantFrom('', 'text\n', 'x'.repeat(3000)),
  mode: fc.constantFrom(0o644, 0o755, 0o600),
  mtime: fc.constantFrom(...OLD, ...LATE),
  link: fc.boolean(),
});
const line = fc.constantFrom(
  'COPY . /',
  'COPY . /srv/data/',
  'COPY a* B* /globbed/',
  'COPY --chmod=640 --chown=5:6 . /flags',
  'COPY --link . /',
  'COPY --parents a* */B /parents/',
  'COPY --exclude=**/9 . /some',
  'COPY <<EOF /heredoc\n$PATH\nEOF',
  'ENTRYPOINT ["/a"]',
);

/** Writes the tree; what cannot be there beside something else is left out. The order of writing is the order in the directory of some file systems. */
function write(
  folder: string,
  entries: readonly Entry[],
  { reverse, umask }: { reverse: boolean; umask: number },
): void {
  const placed = new Map<string, Entry>();
  for (const e of entries) {
    const parts = e.path.split('/');
    const above = parts.map((_, i) => parts.slice(0, i).join('/')).slice(1);
    const taken = [...placed.keys()].some((p) => p === e.path || p.startsWith(`${e.path}/`));
    if (!taken && !above.some((p) => placed.has(p))) placed.set(e.path, e);
  }
  const before = process.umask(umask);
  try {
    fs.mkdirSync(folder, { recursive: true });
    const list = [...placed.values()];
    const times = new Map<string, number>([['', list[0]?.mtime ?? 1]]);
    for (const { path: p, content, mode, mtime, link } of reverse ? list.reverse() : list) {
      const file = path.join(folder, p);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      if (link) fs.symlinkSync(content || 'dangling', file);
      else fs.writeFileSync(file, content);
      if (!link) fs.chmodSync(file, mode); // a mode is input; the umask that made it is not
      times.set(p, mtime);
    }
    for (const dir of fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((d) => d.isDirectory())) {
      const file = path.join(dir.parentPath, dir.name);
      fs.chmodSync(file, 0o755);
      times.set(path.relative(folder, file), 1234);
    }
    for (const [p, mtime] of times) fs.lutimesSync(path.join(folder, p), mtime, mtime);
  } finally {
    process.umask(before);
  }
}

/** Everything that is later than the epoch at another time, also later. */
function shiftLate(folder: string, epoch: number): void {
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(folder, name);
    const { mtimeMs } = fs.lstatSync(file);
    if (mtimeMs / 1000 > epoch) fs.lutimesSync(file, mtimeMs / 1000 + 12_345.25, mtimeMs / 1000 + 12_345.25);
    if (process.getuid?.() === 0) fs.lchownSync(file, 1234, 5678);
  }
}

async function digestsOf(folder: string, cwd: string, env: Record<string, string>): Promise<string> {
  const file = path.join(folder, '../Dockerfile');
  const context = path.relative(cwd, folder) || '.';
  const args = [
    '--platform',
    'wasi/wasm',
    '-o',
    `type=oci,dest=${folder}.tar`,
    '-f',
    path.relative(cwd, file),
    context,
  ];
  const { code, stderr } = await runCommand(args, { cwd, env: { HOME: rig.dir, ...env } });
  if (code !== 0) return stderr.replaceAll(/^(#| *-->).*\n/gm, ''); // an error is as good an answer, if it is the same one
  return `${code} ${fs.readFileSync(`${folder}.tar`).toString('base64')}`;
}

test('what is no input reaches no byte of the output', async () => {
  let run = 0;
  let built = 0;
  const zone = process.env.TZ;
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { minLength: 1, maxLength: 8 }),
      fc.array(line, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...EPOCHS),
      async (entries, lines, epoch) => {
        const home = rig.path(`run-${run++}`);
        fs.mkdirSync(path.join(home, 'elsewhere/deeper'), { recursive: true });
        for (const dir of ['.', 'elsewhere'])
          fs.writeFileSync(path.join(home, dir, 'Dockerfile'), `FROM scratch\n${lines.join('\n')}\n`);
        const [first, second] = [path.join(home, 'ctx'), path.join(home, 'elsewhere/another-name')];
        write(first, entries, { reverse: false, umask: 0o022 });
        const env = { SOURCE_DATE_EPOCH: epoch, XDG_CACHE_HOME: path.join(home, 'cache') };
        process.env.TZ = 'America/St_Johns';
        const reference = await digestsOf(first, home, { ...env, LC_ALL: 'C' });
        process.env.TZ = 'Asia/Kathmandu';
        write(second, entries, { reverse: true, umask: 0o077 });
        shiftLate(second, Number(epoch));
        const fresh = {
          ...env,
          XDG_CACHE_HOME: path.join(home, 'cache-2'),
          LC_ALL: 'tr_TR.UTF-8',
          LANG: 'tr_TR.UTF-8',
        };
        expect(await digestsOf(second, path.join(home, 'elsewhere/deeper'), fresh)).toBe(reference);
        expect(await digestsOf(second, home, env)).toBe(reference); // from the store that the first build filled
        if (reference.startsWith('0 ')) built++;
        fs.rmSync(home, { recursive: true });
      },
    ),
    { numRuns: 25 },
  );
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
  expect(built).toBeGreaterThan(10);
}, 120_000);
