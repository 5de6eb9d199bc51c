import { expect, test } from '@jest/globals';
import type { CopyAction, FileOp } from '../../llb/op.js';
import { BUILD_TIME, type DirectoryNode } from '../../snapshot/file-tree.js';
import { treeOf } from '../../test/trees.js';
import { sha256 } from '../../util/digest.js';
import { runFileOp } from './file-op.js';

const COPY: CopyAction = {
  kind: 'copy',
  src: '/a',
  dest: '/x/',
  mode: -1,
  modeStr: '',
  followSymlink: true,
  dirCopyContents: true,
  createDestPath: true,
  allowWildcard: true,
  allowEmptyWildcard: true,
  includePatterns: [],
  excludePatterns: [],
  requiredPaths: [],
};

const VERTEX = sha256(Buffer.from('vertex'));

function run(action: Partial<CopyAction>, inputs: readonly DirectoryNode[]): DirectoryNode {
  const op: FileOp = {
    kind: 'file',
    actions: [{ input: 0, secondaryInput: 1, output: 0, action: { ...COPY, ...action } }],
  };
  return runFileOp(op, VERTEX, inputs);
}

test.each([
  [{ id: 0xffffffff }, undefined, 0, 0],
  [{ id: 5 }, { id: 0xffffffff }, 5, 0],
  [{ id: 0xfffffffe }, undefined, 0xfffffffe, 0xfffffffe],
])('--chown of %j and %j is %d:%d', (user, group, uid, gid) => {
  const tree = run({ owner: { user, ...(group && { group }) } }, [treeOf({}), treeOf({ a: '' })]);
  const x = tree.entries.get('x') as DirectoryNode;
  expect([x.uid, x.gid]).toEqual([uid, gid]);
  expect(x.entries.get('a')).toMatchObject({ uid, gid });
});

test('the root folder is new in every step, also where nothing is copied; that of a source keeps its time', () => {
  const base = { ...treeOf({ 'x/f': '' }), mtime: 1000 };
  expect(run({ src: '/none*' }, [base, treeOf({ a: '' })]).mtime).toBe(BUILD_TIME);
  const out = run({ src: '/', dest: '/y' }, [base, base]);
  expect(out.mtime).toBe(BUILD_TIME);
  expect(out.entries.get('y')).toMatchObject({ mtime: 1000 });
});
