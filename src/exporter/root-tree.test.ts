import { expect, test } from '@jest/globals';
import type { DirectoryNode } from '../snapshot/file-tree.js';
import { walkTree } from '../snapshot/file-tree.js';
import { directory, exportInput, file } from '../test/hello-image.js';
import { rootTree } from './root-tree.js';

const root = (architecture: string, tree: DirectoryNode) => ({ platform: { os: 'linux', architecture }, tree });
const paths = (tree: DirectoryNode) => [...walkTree(tree)].map(([path]) => path);

test('one platform has no folder, unless it is asked for; several have one each', () => {
  const roots = [root('arm64', directory({ a: file('x') }))];
  expect(paths(rootTree(exportInput({ roots })))).toEqual(['a']);
  expect(paths(rootTree(exportInput({ roots, platformSplit: true })))).toEqual(['linux_arm64', 'linux_arm64/a']);
  const both = [...roots, root('amd64', directory({ b: file('y') }))];
  expect(paths(rootTree(exportInput({ roots: both })))).toEqual([
    'linux_amd64',
    'linux_amd64/b',
    'linux_arm64',
    'linux_arm64/a',
  ]);
});

test('hard links stay within a platform, although platforms share what they are built from', () => {
  const shared = file('x');
  const tree = directory({ a: shared, b: shared });
  const nodes = new Map(walkTree(rootTree(exportInput({ roots: [root('arm64', tree), root('amd64', tree)] }))));
  expect(nodes.get('linux_amd64/a')).toBe(nodes.get('linux_amd64/b'));
  expect(nodes.get('linux_amd64/a')).not.toBe(nodes.get('linux_arm64/a'));
});

test('without folders, what platforms have in common is refused', () => {
  const mine = root('arm64', directory({ d: directory({ a: file('x') }) }));
  const other = root('amd64', directory({ d: directory({ b: file('y') }) }));
  const merged = rootTree(exportInput({ roots: [mine, other], platformSplit: false }));
  expect(paths(merged)).toEqual(['d', 'd/a', 'd/b']);
  const same = root('riscv64', directory({ d: directory({ b: file('y') }) }));
  expect(() => rootTree(exportInput({ roots: [mine, other, same], platformSplit: false }))).toThrow(
    '"/d/b" is there for linux/amd64 and for linux/riscv64',
  );
});
