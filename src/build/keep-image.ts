/** The store as the place of an image: where its names are listed, and for `type=image` the only place that it has. */
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { imagesOf, type Target } from '../oci/image.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import { ImageIndex } from '../store/image-index.js';
import type { StoreWriteOptions } from '../store/store-files.js';
import { storeTarget } from '../store/stored-image.js';
import type { BuildOptions, OutputSpec } from './build-options.js';

/** Whether the store is the only place where an output goes. */
function isKept({ type, push }: OutputSpec): boolean {
  return type === 'image' && !push;
}

/** What a build does whose store cannot be used: it goes on without, unless its output would be nowhere then. */
export function withoutStore(why: string, { outputs }: BuildOptions, warn: (d: Diagnostic) => void): void {
  const hint = 'make it writable, free some space, or choose another one with --cache-dir';
  const code = 'StoreNotWritable';
  if (outputs.some(isKept)) fail({ code, message: `the cache is where the image is to be kept: ${why}`, hint });
  warn({ code, severity: 'warning', message: `the build goes on without its cache: ${why}`, hint });
}

interface Naming extends StoreWriteOptions {
  readonly blobs: BuildBlobs;
  readonly warn: (warning: Diagnostic) => void;
}

/**
 * Lists an image that has names in the store. That it cannot be listed is no reason to fail where it was written elsewhere, too.
 * @throws BuildError of an image that is to be kept, and cannot
 */
export async function nameTarget(output: OutputSpec, target: Target, { blobs, onStep, warn }: Naming): Promise<void> {
  const { names } = output;
  if (names.length === 0) return;
  const unlisted = (why: string, more: Partial<Diagnostic> = {}) => {
    const message = `${names.join(', ')} is not listed in the store: ${why}`;
    const diagnostic = { code: 'StoreNotWritable', ...more, message } as const;
    if (isKept(output)) throw new BuildError({ ...diagnostic, severity: 'error' });
    warn({ ...diagnostic, severity: 'warning' });
  };
  for (const { descriptor } of imagesOf(target).flatMap((image) => image.layers))
    if (!(await blobs.isLasting(descriptor.digest))) return unlisted('its layers are not all there');
  try {
    await new ImageIndex(blobs.store.folder, { onStep }).tag(names, await storeTarget(blobs.store, target));
  } catch (error) {
    if (error instanceof BuildError) for (const d of error.diagnostics) unlisted(d.message, d);
    else if (errnoOf(error) !== undefined) unlisted(describeErrno(error));
    else throw error;
  }
}
