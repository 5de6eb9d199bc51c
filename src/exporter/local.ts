/**
 * `type=local`: the root filesystem in a folder, over what is in it.
 *
 * As with buildx, the files belong to whoever runs the build, all have the time of the epoch (BuildKit sets it here, and does not
 * clamp), and the folder itself keeps its mode. What is already there and not in the image stays.
 * @see moby/buildkit exporter/local/{export,fs}.go, session/filesync/diffcopy.go (syncTargetDiffCopy)
 */
import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { fail } from '../diagnostic/build-error.js';
import { type DirectoryNode, walkTree } from '../snapshot/file-tree.js';
import {
  quietly,
  registerTemporary,
  removeTree,
  temporaryBeside,
  writeFolderAtomically,
} from '../util/atomic-write.js';
import { attempt, checkDestination, exportStep, firstMissing } from './destination.js';
import { checkMerge, mergeFolder } from './merge-folder.js';
import { rootTree } from './root-tree.js';
import type { Exporter } from './types.js';
import { finishDirectories, writeTree } from './write-tree.js';

export const localExporter: Exporter = {
  export: (input, to) =>
    exportStep(input.emit, 'client directory', to, () => {
      if (to.kind !== 'folder') throw new Error(`a root filesystem cannot go to a ${to.kind}`);
      return writeRoot(rootTree(input), to.path, input.epochSeconds);
    }),
};

/** What buildx makes a folder with that is not there: an image may hold what is not for everyone on this machine. */
const PRIVATE = 0o700;

async function writeRoot(tree: DirectoryNode, folder: string, epochSeconds: number): Promise<void> {
  await checkDestination({ kind: 'folder', path: folder });
  checkDevices(tree, folder);
  await attempt(folder, async () => {
    const { existing, missing, rest } = await firstMissing(folder);
    if (missing === undefined) return writeOver(tree, existing, epochSeconds);
    const fill = async (temporary: string) => {
      const root = path.join(temporary, ...rest);
      await mkdir(root, { recursive: true, mode: PRIVATE });
      await writeTree(tree, root, epochSeconds);
      finishDirectories(tree, root, epochSeconds);
    };
    return writeFolderAtomically(path.join(existing, missing), fill, { mode: PRIVATE });
  });
}

/** Everything is made in a folder inside the destination, hence on its file system, and then moved to its place. */
async function writeOver(tree: DirectoryNode, folder: string, epochSeconds: number): Promise<void> {
  checkMerge(tree, folder);
  const temporary = temporaryBeside(path.join(folder, 'x'));
  const release = registerTemporary(temporary);
  try {
    const [staged, attic] = [path.join(temporary, 'new'), path.join(temporary, 'old')];
    await mkdir(staged, { recursive: true, mode: PRIVATE });
    await writeTree(tree, staged, epochSeconds);
    mergeFolder({ tree, staged, attic, folder, epochSeconds });
  } finally {
    quietly(() => removeTree(temporary));
    release();
  }
}

/** Devices are for root alone: better said before a folder is half made. */
function checkDevices(tree: DirectoryNode, folder: string): void {
  if (userInfo().uid === 0) return;
  for (const [name, { type }] of walkTree(tree)) {
    if (type !== 'char' && type !== 'block') continue;
    fail({
      code: 'OutputNotWritable',
      message: `cannot write ${folder}: /${name} is a device, and only root can make one`,
      hint: 'write a tar instead, with type=tar',
    });
  }
}
