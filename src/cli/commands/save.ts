/** `wbuild save`: an image of the store as an archive. */

import { saveImage } from '../../build/images/save-image.js';
import { fail } from '../../diagnostic/build-error.js';
import { BlobStore } from '../../store/blobs.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import type { StoreCommand } from '../store-args.js';
import { findStored } from './images.js';

/** Writes the archive to the file of -o, or to standard output. @throws BuildError */
export async function runSave(command: Extract<StoreCommand, { kind: 'save' }>, io: CommandIo): Promise<ExitCode> {
  const { output, type } = command;
  const toStdout = output === undefined || output === '-';
  if (toStdout && io.stdout.isTTY) {
    const hint = 'redirect standard output (> image.tar, or | docker load), or name a file with -o';
    fail({ code: 'Usage', message: 'an archive cannot be written to a terminal', hint });
  }
  const store = new BlobStore(command.cacheDir);
  const { name, descriptor } = await findStored(store, command.image);
  const to = toStdout ? ({ kind: 'stream', stream: io.stdout } as const) : ({ kind: 'file', path: output } as const);
  await saveImage({ store, descriptor, name, type, to });
  return EXIT.done;
}
