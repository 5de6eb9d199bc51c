import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type NodeSpec, treeOf } from '../test/trees.js';
import { copyTree } from './copy.js';
import { type Change, diffTrees, type SameContent } from './diff.js';
import { type DirectoryNode, walkTree } from './file-tree.js';
import { TreeEditor, TreeError } from './tree-editor.js';

const sameContent: SameContent = (a, b) =>
  a.content.kind === 'bytes' && b.content.kind === 'bytes' && a.content.digest === b.content.digest;

const changes = (lower: DirectoryNode, upper: DirectoryNode) => diffTrees(lower, upper, sameContent).map((c) => c.path);

const between = (lower: Readonly<Record<string, NodeSpec>>, upper: Readonly<Record<string, NodeSpec>>) =>
  changes(treeOf(lower), treeOf(upper));

test('everything is new above nothing, in byte order, directories before what they hold', () => {
  expect(between({}, { 'a.b': '', 'a/c': '', 'a-b': '' })).toEqual(['a', 'a/c', 'a-b', 'a.b']);
});

test('the same tree changes nothing, shared or not', () => {
  const tree = treeOf({ 'a/b': '1' });
  expect(changes(tree, tree)).toEqual([]);
  expect(changes(tree, treeOf({ 'a/b': '1' }))).toEqual([]);
});

test('all directories above a change are part of the layer, once', () => {
  const lower = { 'a/b/c/f': '1', 'a/z': '' };
  expect(between(lower, { ...lower, 'a/b/c/f': '2' })).toEqual(['a', 'a/b', 'a/b/c', 'a/b/c/f']);
  expect(between(lower, { ...lower, 'a/b/c/f': '2', 'a/b/g': '', 'a/z': '1' })).toEqual([
    'a',
    'a/b',
    'a/b/c',
    'a/b/c/f',
    'a/b/g',
    'a/z',
  ]);
  expect(between(lower, { 'a/b/c/f': '1', 'a/z': '', 'a/zz': '' })).toEqual(['a', 'a/zz']);
});

describe('a directory', () => {
  test.each<[string, NodeSpec, string[]]>([
    ['counts when its mode changed', { dir: true, mode: 0o700 }, ['p', 'p/d']],
    ['counts when its owner changed', { dir: true, uid: 1 }, ['p', 'p/d']],
    ['does not count for its time alone', { dir: true, mtime: 5 }, []],
  ])('%s', (_rule, spec, expected) => {
    expect(between({ 'p/d': { dir: true } }, { 'p/d': spec })).toEqual(expected);
  });

  test('in the place of something else brings all it holds', () => {
    expect(between({ d: 'file' }, { 'd/x/y': '' })).toEqual(['d', 'd/x', 'd/x/y']);
    expect(between({ d: { symlink: 'e' } }, { 'd/x': '' })).toEqual(['d', 'd/x']);
  });
});

describe('a file is the same', () => {
  const same = (a: NodeSpec, b: NodeSpec) => between({ f: a }, { f: b }).length === 0;

  test.each<[string, NodeSpec, NodeSpec, boolean]>([
    ['with the same bytes at the same second', { content: 'ab' }, { content: 'ab' }, true],
    ['not with other bytes', { content: 'ab' }, { content: 'cd' }, false],
    ['not with another size', { content: 'ab' }, { content: 'abc' }, false],
    ['not at another time', { content: 'ab' }, { content: 'ab', mtime: 5 }, false],
    ['not with another mode', { content: 'ab' }, { content: 'ab', mode: 0o600 }, false],
    ['not with another group', { content: 'ab' }, { content: 'ab', gid: 1 }, false],
    ['where times have a fraction, by size alone', { content: 'ab', nsec: 7 }, { content: 'cd', nsec: 7 }, true],
    ['not at another fraction', { content: 'ab', nsec: 7 }, { content: 'ab', nsec: 8 }, false],
    ['not where one time has a fraction', { content: 'ab', nsec: 7 }, { content: 'ab' }, false],
    ['when both are empty', { content: '' }, { content: '' }, true],
    ['not when it is a link now', { content: 'ab' }, { symlink: 'ab' }, false],
    ['as a link with the same target', { symlink: 'ab' }, { symlink: 'ab' }, true],
    ['not as a link with another target', { symlink: 'ab' }, { symlink: 'cd' }, false],
    [
      'as a link at a fraction, by the length of the target',
      { symlink: 'é', nsec: 1 },
      { symlink: 'ab', nsec: 1 },
      true,
    ],
    ['as a pipe', { fifo: true }, { fifo: true }, true],
  ])('%s', (_rule, a, b, expected) => {
    expect(same(a, b)).toBe(expected);
  });
});

test('bytes are compared only where nothing else tells', () => {
  let asked = 0;
  const counting: SameContent = () => {
    asked++;
    return true;
  };
  const lower = treeOf({ a: 'xx', b: 'xx', c: '', d: { content: 'xx', nsec: 1 } });
  const upper = treeOf({ a: { content: 'yy', mtime: 1 }, b: 'yyy', c: '', d: { content: 'yy', nsec: 1 } });
  expect(diffTrees(lower, upper, counting).map((c) => c.path)).toEqual(['a', 'b']);
  expect(asked).toBe(0);
});

describe('laid over the lower tree, the difference gives the upper one', () => {
  type Spec = { readonly [name: string]: Spec | NodeSpec };
  // whole seconds: at a fraction of one, files of one size count as the same, whatever they hold
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const leaf: fc.Arbitrary<NodeSpec> = fc.oneof(
    fc.record({
      content: fc.constantFrom('', 'x', 'y', 'zz'),
      mode: fc.constantFrom(0o644, 0o755),
      uid: fc.constantFrom(0, 7),
      mtime: fc.constantFrom(1, 2),
    }),
    fc.record({ symlink: fc.constantFrom('a', '../b', 'none') }),
  );
  const { tree } = fc.letrec<{ tree: Spec; entry: Spec | NodeSpec }>((tie) => ({
    tree: fc.dictionary(name, tie('entry'), { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Spec>,
    entry: fc.oneof({ depthSize: 'small' }, leaf, tie('tree')),
  }));

  /** `{a: {b: …}}` as the paths that treeOf takes. */
  function paths(spec: Spec, prefix = ''): [string, NodeSpec][] {
    return Object.entries(spec).flatMap(([key, value]): [string, NodeSpec][] => {
      const path = prefix + key;
      if (typeof value === 'string' || 'content' in value || 'symlink' in value) return [[path, value as NodeSpec]];
      return [[path, { dir: true }], ...paths(value as Spec, `${path}/`)];
    });
  }
  const build = (spec: Spec) => treeOf(Object.fromEntries(paths(spec)));

  const COPY = {
    mode: -1,
    modeStr: '',
    followSymlink: true,
    dirCopyContents: true,
    allowWildcard: false,
    includePatterns: [],
    excludePatterns: [],
    requiredPaths: [],
  };

  function apply(lower: DirectoryNode, list: readonly Change[]): DirectoryNode {
    const editor = new TreeEditor(lower);
    for (const { path, node } of list) {
      const before = editor.lstat(`/${path}`);
      if (before && !(before.type === 'directory' && node.type === 'directory')) editor.remove(`/${path}`);
      if (node.type !== 'directory') editor.create(`/${path}`, node);
      else if (before?.type !== 'directory') editor.mkdir(`/${path}`, node.mode);
      if (node.type === 'directory') editor.setDirectory(`/${path}`, node);
    }
    return editor.finish();
  }

  /** All but the times of directories, which a difference may leave out. */
  const seen = (root: DirectoryNode) =>
    [...walkTree(root)].map(([path, node]) => {
      const { type, mode, uid, gid, mtime, mtimeNsec } = node;
      if (node.type === 'directory') return { path, type, mode, uid, gid };
      const content = node.type === 'file' && node.content.kind === 'bytes' ? node.content.digest : undefined;
      return {
        path,
        type,
        mode,
        uid,
        gid,
        mtime,
        mtimeNsec,
        content,
        target: 'target' in node ? node.target : undefined,
      };
    });

  test('after COPYs of anything to anywhere', () => {
    const dest = fc.constantFrom('/', '/a', '/a/b/', '/c/new', '/d');
    const copies = fc.array(fc.tuple(tree, dest, fc.constantFrom(undefined, { uid: 3, gid: 4 })), {
      minLength: 1,
      maxLength: 3,
    });
    let compared = 0;
    fc.assert(
      fc.property(tree, copies, (lowerSpec, list) => {
        const lower = build(lowerSpec);
        let upper = lower;
        try {
          for (const [spec, to, owner] of list)
            upper = copyTree(build(spec), upper, { ...COPY, src: '/', dest: to }, owner);
        } catch (error) {
          if (error instanceof TreeError) return; // a folder over a file, or the reverse
          throw error;
        }
        const difference = diffTrees(lower, upper, sameContent);
        expect(seen(apply(lower, difference))).toEqual(seen(upper));
        for (const [i, { path }] of difference.entries()) {
          const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
          if (parent !== '') expect(difference.slice(0, i).map((c) => c.path)).toContain(parent);
        }
        compared++;
      }),
      { numRuns: 500 },
    );
    expect(compared).toBeGreaterThan(100);
  });
});
