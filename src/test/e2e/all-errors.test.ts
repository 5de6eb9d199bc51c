/** A build that fails tells all that is wrong, in the order of the file: BuildKit stops at whichever fault it meets first. */
import { expect, test } from '@jest/globals';
import { BuildError } from '../../diagnostic/build-error.js';
import { build } from '../../index.js';
import { type FileSpec, useRig } from '../rig.js';

const rig = useRig();

/** The errors of a build, as `file:line code`. */
async function errorsOf(lines: readonly string[], files: Readonly<Record<string, FileSpec>> = {}): Promise<string[]> {
  rig.write({ Dockerfile: `${lines.join('\n')}\n`, ...files });
  const built = build({ context: rig.dir, outputs: [], epochSeconds: 0, cacheDir: rig.cacheDir });
  const error = await built.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof BuildError)) throw error ?? new Error('it was built');
  return error.diagnostics.map(({ code, range }) => `${range?.file}:${range?.start.line} ${code}`);
}

test('every COPY that finds nothing', async () => {
  const lines = ['FROM scratch', 'COPY a b /', 'COPY c.md /', 'COPY Dockerfile /', 'COPY d /'];
  expect(await errorsOf(lines, { '.dockerignore': 'c.md\n', 'c.md': '' })).toEqual([
    'Dockerfile:2 SourceNotFound',
    'Dockerfile:2 SourceNotFound',
    'Dockerfile:3 CopyIgnoredFile',
    'Dockerfile:5 SourceNotFound',
  ]);
});

test('a name that cannot be looked up hides no missing file, in its own COPY or another', async () => {
  const lines = ['FROM scratch AS one', 'COPY gone /', 'FROM scratch', 'COPY --chown=bob --from=one x gone.too /'];
  expect(await errorsOf(lines)).toEqual(['Dockerfile:2 SourceNotFound', 'Dockerfile:4 InvalidUser']);
  expect(await errorsOf(['FROM scratch', 'COPY --chown=bob gone /'])).toEqual([
    'Dockerfile:2 InvalidUser',
    'Dockerfile:2 SourceNotFound',
  ]);
  const link = ['FROM scratch', 'COPY etc /etc/', 'COPY --link --chown=bob etc /x/'];
  expect(await errorsOf(link, { 'etc/passwd': 'bob:x:1:1::/:\n' })).toEqual(['Dockerfile:3 InvalidUser']);
});

test('/etc/passwd that is no file has a place', async () => {
  const lines = ['FROM scratch', 'COPY a /etc/passwd/', 'COPY --chown=bob a /x'];
  expect(await errorsOf(lines, { a: '' })).toEqual(['Dockerfile:3 InvalidUser']);
});

test('a heredoc whose name is no name has a place', async () => {
  expect(await errorsOf(['FROM scratch', 'COPY <<d/e /x', 'd/e', 'COPY gone /'])).toEqual([
    'Dockerfile:2 CopyConflict',
    'Dockerfile:4 SourceNotFound',
  ]);
});

test('an ignore file that cannot be understood hides nothing of the Dockerfile', async () => {
  const lines = ['FROM scratch', 'COPY --foo a /', 'COPY <<EOF /'];
  expect(await errorsOf(lines, { '.dockerignore': '!\na\n' })).toEqual([
    'Dockerfile:2 UnknownFlag',
    'Dockerfile:3 UnterminatedHeredoc',
    '.dockerignore:1 InvalidIgnorePattern',
  ]);
});

test('a circle of stages beside a FROM that is none', async () => {
  const lines = ['FROM scratch AS one', 'FROM ONE AS two', 'FROM scratch AS three', 'COPY --from=three x /'];
  expect(await errorsOf(lines)).toEqual(['Dockerfile:2 UnsupportedBase', 'Dockerfile:4 CircularDependency']);
});
