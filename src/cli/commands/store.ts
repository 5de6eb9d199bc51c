/** What looks after the store: kind → command. */
import { describeErrno, errnoOf, fail } from '../../diagnostic/build-error.js';
import { unreachable } from '../../util/unreachable.js';
import type { ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import type { StoreCommand } from '../store-args.js';
import { runCacheDu, runCacheLs, runCachePrune, runCacheVerify } from './cache.js';
import { runImages, runRmi, runTag } from './images.js';
import { runSave } from './save.js';

/** What the system says of a cache that is somebody else's, or none; anything else is told by whoever finds it. */
const NOT_OURS: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

/** @throws BuildError `StoreNotWritable`, `ImageNotFound` … */
export async function runStore(command: StoreCommand, io: CommandIo): Promise<ExitCode> {
  try {
    return await run(command, io);
  } catch (error) {
    if (!NOT_OURS.includes(errnoOf(error) ?? '')) throw error;
    const message = `the cache ${command.cacheDir} cannot be changed: ${describeErrno(error)}`;
    const hint = 'make it writable for you, or name another one with --cache-dir or WBUILD_CACHE_DIR';
    return fail({ code: 'StoreNotWritable', message, hint }, error);
  }
}

function run(command: StoreCommand, io: CommandIo): Promise<ExitCode> {
  switch (command.kind) {
    case 'cache-ls':
      return runCacheLs(command, io);
    case 'cache-du':
      return runCacheDu(command, io);
    case 'cache-prune':
      return runCachePrune(command, io);
    case 'cache-verify':
      return runCacheVerify(command, io);
    case 'images':
      return runImages(command, io);
    case 'rmi':
      return runRmi(command, io);
    case 'tag':
      return runTag(command, io);
    case 'save':
      return runSave(command, io);
    default:
      return unreachable(command);
  }
}
