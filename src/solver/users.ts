/**
 * Users and groups of a stage, for --chown by name.
 * @see moby/sys user/user.go
 */
import type { DirectoryNode, Node } from '../snapshot/file-tree.js';
import { lookup, resolvePath, TreeError } from '../snapshot/tree-editor.js';
import { readContentSync } from '../util/file-content.js';
import { pathElements } from '../util/go-path.js';
import { decodeText, trimSpace } from '../util/text.js';

/** A --chown by name that cannot be looked up; the caller knows the COPY. */
export class UserError extends Error {
  /** @param empty whether there is nothing that it could be looked up in */
  constructor(
    message: string,
    readonly user: string,
    readonly empty: boolean,
  ) {
    super(message);
  }
}

/** Bytes that BuildKit reads of such a file. */
const MAX_SIZE = 10 * 1024 * 1024;

/**
 * The id that a name has in `/etc/passwd` or `/etc/group`, and (passwd) its group; undefined when file or name is not there.
 * @param tree undefined for a stage that has nothing in it, and for --link, which does not look at the stage
 * @throws UserError
 */
export function lookUpId(
  tree: DirectoryNode | undefined,
  file: string,
  name: string,
): { id: number; group: number } | undefined {
  if (!tree) throw new UserError(`there is no ${file}`, name, true);
  const node = findFile(tree, file);
  if (!node) return undefined;
  if (node.type !== 'file' || node.size > MAX_SIZE) {
    throw new UserError(`--chown=${name}: ${file} of the stage is no file that names can be looked up in`, name, false);
  }
  for (const line of decodeText(readContentSync(node)).split('\n')) {
    const fields = trimSpace(line).split(':');
    if (line.trimStart().startsWith('#') && file === '/etc/group') continue;
    if (fields[0] === name) return { id: idOf(fields[2]), group: idOf(fields[3]) };
  }
  return undefined;
}

/** A file where a folder should be counts as nothing there. */
function findFile(tree: DirectoryNode, file: string): Node | undefined {
  try {
    return lookup(tree, pathElements(resolvePath(tree, file)));
  } catch (error) {
    if (error instanceof TreeError && error.reason === 'not-a-directory') return undefined;
    throw error;
  }
}

const MAX_INT64 = 2n ** 63n - 1n;

/**
 * The id that a field ends up as on a disk. Go reads 64 bits, the largest where there are more, and no number at all as 0; chown(2) takes 32
 * bits of them, of which the largest means "leave it": 0, since root makes the files.
 */
function idOf(field: string | undefined): number {
  if (field === undefined || !/^[+-]?\d+$/.test(field)) return 0;
  const value = BigInt(field.replace('+', ''));
  const read = value > MAX_INT64 ? MAX_INT64 : value < -MAX_INT64 - 1n ? -MAX_INT64 - 1n : value;
  const id = Number(BigInt.asUintN(32, read));
  return id === 0xffffffff ? 0 : id;
}
