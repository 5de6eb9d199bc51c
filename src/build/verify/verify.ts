/** `wbuild verify`: builds again, in a store of its own, and compares with an image that is there already. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { attestsAny } from '../../attest/options.js';
import { invalidImage } from '../../compare/blob-bytes.js';
import { diffImages, type ImageDiff } from '../../compare/diff-image.js';
import { type Cause, explain, type SideNames } from '../../compare/explain.js';
import type { OpenImage, OpenImages } from '../../compare/image.js';
import { isModule } from '../../compare/layer-entries.js';
import { type Agreement, LEVELS, type Level, levelOf } from '../../compare/levels.js';
import { type OpenOptions, openImages } from '../../compare/open-image.js';
import { BuildError } from '../../diagnostic/build-error.js';
import { MEDIA_TYPES } from '../../oci/media-types.js';
import { formatPlatform } from '../../oci/platform.js';
import { registerTemporary, removeTree } from '../../util/atomic-write.js';
import { build } from '../build.js';
import type { BuildOptions, BuildResult, OutputSpec } from '../build-options.js';
import { findIgnored } from '../ignored-files.js';
import { notInContext } from '../inputs.js';

export interface VerifyOptions {
  /** An image as `wbuild diff` takes it, or a digest alone. */
  readonly against: string;
  /** What the rebuild is given; of its outputs the form of the first counts, and nothing of it is written. */
  readonly build: BuildOptions;
  /** Nobody has said how the layers are to be stored: as those of the reference are. */
  readonly formFromReference: boolean;
  /** The level that has to agree; undefined: the manifest, or the config where the reference has no manifest. */
  readonly required?: Level;
  /** How the reference is found. */
  readonly open: OpenOptions;
}

export interface Verification {
  /** Whether the required level agrees. */
  readonly verified: boolean;
  readonly required: Level;
  readonly agreement: Agreement;
  /** undefined where the reference is a digest alone, and there is nothing to compare. */
  readonly comparison?: { readonly reference: OpenImages; readonly rebuild: OpenImages; readonly diff: ImageDiff };
  readonly causes: readonly Cause[];
  /** Options that were taken from the reference, as one would type them. */
  readonly taken: readonly string[];
  readonly rebuilt: BuildResult;
}

export const REFERENCE_NAMES: SideNames = { a: 'the reference', b: 'the rebuild' };

/**
 * Rebuilds and compares.
 * @throws BuildError when the build fails, or the reference cannot be read
 */
export async function verify(options: VerifyOptions): Promise<Verification> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wbuild-verify-'));
  const forget = registerTemporary(folder);
  const reference = await openReference(options).catch((error) => {
    removeTree(folder);
    forget();
    throw error;
  });
  try {
    const { given: asTyped, taken } = withReference(options, reference);
    const given = {
      ...asTyped,
      leaveOut: [...notInContext(options.build), ...(reference?.path ? [reference.path] : [])],
    };
    const archive = path.join(folder, 'rebuild.tar');
    const rebuilt = await rebuild(given, archive, path.join(folder, 'store'));
    if (!reference) return againstDigest(options, rebuilt, taken);
    const opened = await openImages(archive, { cacheDir: folder });
    try {
      const diff = await diffImages(reference, opened, { around: options.required === 'archive' });
      const differences = await findIgnored(diff.differences, given);
      const causes = explain(differences, REFERENCE_NAMES);
      const required = options.required ?? (reference.images.some((i) => !i.manifest) ? 'config' : 'manifest');
      const verified = holds(diff, required);
      const comparison = { reference, rebuild: opened, diff: { ...diff, differences } };
      return { verified, required, agreement: diff.agreement, comparison, causes, taken, rebuilt };
    } finally {
      await opened.close();
    }
  } finally {
    await reference?.close();
    removeTree(folder);
    forget();
  }
}

/** A level holds where it, or one above it, is equal. */
function holds({ levels }: ImageDiff, required: Level): boolean {
  return LEVELS.slice(0, LEVELS.indexOf(required) + 1).some((level) => levelOf(levels, level));
}

/** The reference; undefined for a whole digest of which nothing more is known. */
async function openReference({ against, open, build: given }: VerifyOptions): Promise<OpenImages | undefined> {
  try {
    return await openImages(against, { ...open, ...(given.platform && { platform: given.platform }) });
  } catch (error) {
    const notThere = error instanceof BuildError && error.diagnostics[0]?.code === 'ImageNotFound';
    if (!notThere) throw error;
    if (digestOf(against) !== undefined) return undefined;
    // it may be there for another platform, which is a difference and no mistake
    return openImages(against, open);
  }
}

function digestOf(text: string): string | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  return hex && `sha256:${hex}`;
}

/** The options of the rebuild: what the command line leaves open, and the reference shows, is taken from there. */
function withReference({ build: given, formFromReference }: VerifyOptions, reference: OpenImages | undefined) {
  const taken: string[] = [];
  const [image] = reference?.images ?? [];
  if (!image) return { given, taken };
  if (image.layers.some(isModule)) {
    const hint = 'build it again with -o type=wasm,dest=again.tar, and compare the two: wbuild diff';
    invalidImage(`${reference!.reference} is a Wasm artifact, and wbuild verify compares images`, undefined, hint);
  }
  const asked = given.platform !== undefined || given.platforms !== undefined;
  const names = reference!.images.map(({ platform }) => formatPlatform(platform));
  const found = asked ? {} : names.length === 1 ? { platform: names[0]! } : { platforms: names };
  if (!asked) taken.push(`--platform ${names.join(',')}`);
  if (!formFromReference) return { given: { ...given, ...found }, taken };
  const output = formOf(image, reference!, given.outputs[0]!);
  const attributes = [`type=${output.type}`, `compression=${output.compression}`];
  if (!output.ociMediaTypes) attributes.push('oci-mediatypes=false');
  taken.push(`-o ${attributes.join(',')}`);
  return { given: { ...given, ...found, outputs: [output] }, taken };
}

function formOf({ manifest, layers }: OpenImage, { form }: OpenImages, given: OutputSpec): OutputSpec {
  const [type] = layers.flatMap(({ descriptor }) => descriptor?.mediaType ?? []);
  const zstd = type === MEDIA_TYPES.layerZstd || type === MEDIA_TYPES.dockerLayerZstd;
  const plain = type === MEDIA_TYPES.layerTar || type === MEDIA_TYPES.dockerLayerTar;
  return {
    ...given,
    type: form === 'docker-archive' ? 'docker' : 'oci',
    compression: plain ? 'uncompressed' : zstd ? 'zstd' : 'gzip',
    ociMediaTypes: manifest?.mediaType !== MEDIA_TYPES.dockerManifest,
  };
}

/**
 * Builds into an archive, from nothing: no cache can lend a layer to the proof, nor can that of a builder. What the build that is repeated would have written is no part of
 * the context here either.
 */
export function rebuild(given: BuildOptions, dest: string, cacheDir: string): Promise<BuildResult> {
  const { cacheFrom: _from, cacheTo: _to, ...rest } = withoutBuilderCaches(given);
  const output = archiveOutput(given, dest);
  return build({ ...rest, outputs: [output], leaveOut: notInContext(given), cacheDir });
}

/** A builder has a cache of its own, which is not asked; and what the build that is repeated would have left in others is not made again. */
export function withoutBuilderCaches(given: BuildOptions): BuildOptions {
  if (!given.builder) return given;
  const { cacheFrom: _from, cacheTo: _to, ...builder } = given.builder;
  return { ...given, builder, noCache: true };
}

/** The first output, as an archive that stays here: what would be pushed or loaded is compared, and goes nowhere. */
export function archiveOutput({ outputs, attest = {} }: BuildOptions, dest: string): OutputSpec {
  const { push: _push, load: _load, ...first } = outputs[0]!;
  // an archive for Docker cannot hold attestations
  const docker = first.type === 'docker' && !attestsAny(attest);
  return { ...first, type: docker ? 'docker' : 'oci', dest, tar: true };
}

function againstDigest(
  { against, required }: VerifyOptions,
  rebuilt: BuildResult,
  taken: readonly string[],
): Verification {
  const wanted = digestOf(against);
  const agreement: Agreement =
    (rebuilt.index ?? rebuilt.manifest).digest === wanted
      ? 'manifest'
      : rebuilt.config.digest === wanted
        ? 'config'
        : 'none';
  // an image ID can only be asked for as such: it says nothing of a manifest
  const level: Level = required ?? (agreement === 'config' ? 'config' : 'manifest');
  const verified = agreement !== 'none' && LEVELS.indexOf(agreement) <= LEVELS.indexOf(level);
  return { verified, required: level, agreement, causes: [], taken, rebuilt };
}
