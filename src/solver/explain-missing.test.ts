import { expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { treeOf } from '../test/trees.js';
import { explainMissing } from './explain-missing.js';

const TREE = treeOf({
  'bin/Debug/app.wasm': 'x',
  'assets/logo.svg': 'x',
  out: { symlink: 'bin/Debug' },
  etc: { symlink: '/etc-of-the-machine' },
  circle: { symlink: 'circle' },
  escape: { symlink: '../../secret' },
});

test.each([
  [
    'bin/debug/app.wasm',
    'bin/debug/app.wasm does not exist',
    'did you mean bin/Debug/app.wasm? names are case-sensitive',
  ],
  ['logo.svg', 'logo.svg does not exist', 'did you mean assets/logo.svg?'],
  ['out/app.wasn', 'out/app.wasn does not exist', 'did you mean bin/Debug/app.wasm?'],
  ['escape', 'escape is a link to ../../secret, which does not exist', 'links are followed inside'],
  ['etc/passwd', 'etc is a link to /etc-of-the-machine', 'links are followed inside'],
  ['circle/x', 'circle is a link to circle', 'links are followed inside'],
  ['nothing-like-it', 'nothing-like-it does not exist', 'there is nothing like it'],
])('%s', async (path, message, hint) => {
  const work = explainMissing({ path: `/${path}`, tree: TREE, origin: undefined, range: undefined }, new Map());
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  const [diagnostic] = (error as BuildError).diagnostics;
  expect(diagnostic?.code).toBe('SourceNotFound');
  expect(diagnostic?.message).toContain(message);
  expect(diagnostic?.message).toContain('in the stage that it is copied from');
  expect(diagnostic?.hint).toContain(hint);
});
