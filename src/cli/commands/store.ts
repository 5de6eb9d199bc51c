/** What looks after the store: kind → command. */
import { unreachable } from '../../util/unreachable.js';
import type { ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import type { StoreCommand } from '../store-args.js';
import { runCacheDu, runCacheLs, runCachePrune, runCacheVerify } from './cache.js';
import { runImages, runRmi, runTag } from './images.js';
import { runSave } from './save.js';

/** @throws BuildError `StoreNotWritable`, `ImageNotFound` … */
export function runStore(command: StoreCommand, io: CommandIo): Promise<ExitCode> {
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
