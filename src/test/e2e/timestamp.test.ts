/** --timestamp through the built program, and which of several times counts. */
import { execFileSync } from 'node:child_process';
import { beforeEach, expect, test } from '@jest/globals';
import { readImage } from '../read-image.js';
import { type RunOptions, useRig } from '../rig.js';

const rig = useRig();
const COMMITTED = 1_600_000_000;

function git(...args: string[]): void {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
  const date = `${COMMITTED} +0900`;
  execFileSync('git', [...identity, '-C', rig.path('src'), ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: rig.dir,
      GIT_AUTHOR_DATE: '1000000001 +0000',
      GIT_COMMITTER_DATE: date,
      GIT_CONFIG_NOSYSTEM: '1',
    },
  });
}

beforeEach(() => {
  rig.write({ 'src/Dockerfile': 'FROM scratch\nCOPY x /\n', 'src/x': 'x\n' });
});

async function created(args: readonly string[], options: RunOptions = {}) {
  const result = await rig.run(['-o', 'type=oci,dest=a.tar', ...args, 'src'], options);
  if (result.code !== 0) return result;
  const { config } = await readImage(rig.path('a.tar'));
  return { ...result, seconds: Date.parse(config.created) / 1000 };
}

test('git: the time of the commit, for whoever commits whenever', async () => {
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'one');
  const clean = await created(['--timestamp', 'git']);
  expect(clean).toMatchObject({ code: 0, seconds: COMMITTED });
  expect(clean.stderr).not.toContain('warning');

  rig.write({ 'src/x': 'other\n', 'src/new': '' });
  const dirty = await created(['--timestamp=git']);
  expect(dirty).toMatchObject({ code: 0, seconds: COMMITTED });
  expect(dirty.stderr).toMatch(/warning\[DirtyWorkTree\].*the commit [0-9a-f]{7}, which the files are not: x, new/);
  // what lies beside the context is nobody's business
  rig.write({ 'src/sub/Dockerfile': 'FROM scratch\nCOPY Dockerfile /\n' });
  git('add', 'sub');
  git('commit', '-qm', 'two');
  const { stderr } = await rig.run(['--timestamp', 'git', 'src/sub']);
  expect(stderr).not.toContain('DirtyWorkTree');
});

test('git: no checkout, no commit, no git', async () => {
  const cases: readonly [RunOptions, RegExp][] = [
    [{ env: { GIT_CEILING_DIRECTORIES: '/' } }, /not a git repository/],
    [{ env: { PATH: '/nowhere' } }, /git is not installed/],
  ];
  for (const [options, why] of cases) {
    const result = await created(['--timestamp', 'git'], options);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(why) });
  }
  git('init', '-q');
  expect(await created(['--timestamp', 'git'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no commit for "src"'),
  });
});

test('now is the clock, and leaves no image like another', async () => {
  const before = Math.floor(Date.now() / 1000);
  const result = await created(['--timestamp', 'now']);
  expect(result).toHaveProperty('seconds');
  if ('seconds' in result) {
    expect(result.seconds).toBeGreaterThanOrEqual(before);
    expect(result.seconds).toBeLessThanOrEqual(Date.now() / 1000);
  }
});

test('--timestamp wins over the build argument, which wins over the environment', async () => {
  const env = { SOURCE_DATE_EPOCH: '3' };
  const argument = ['--build-arg', 'SOURCE_DATE_EPOCH=2'];
  expect(await created(['--timestamp', '1970-01-01T00:00:01Z', ...argument], { env })).toMatchObject({ seconds: 1 });
  expect(await created(argument, { env })).toMatchObject({ seconds: 2 });
  expect(await created([], { env })).toMatchObject({ seconds: 3 });
  expect(await created([])).toMatchObject({ seconds: 0 });
  expect(await created(['--timestamp', 'tomorrow'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--timestamp cannot be "tomorrow"'),
  });
  // one that does not count may be anything
  expect(await created(['--timestamp', '7'], { env: { SOURCE_DATE_EPOCH: 'x' } })).toMatchObject({ seconds: 7 });
});

test('verify takes it as well', async () => {
  await created(['--timestamp', '7']);
  expect((await rig.run(['verify', '--against', 'a.tar', '--timestamp', '7', 'src'])).code).toBe(0);
  expect((await rig.run(['verify', '--against', 'a.tar', 'src'])).code).toBe(3);
});
