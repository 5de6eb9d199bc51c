/** Configs and layers → the image, or the index of several, with what is attested of them. */
import type { Attester } from '../attest/attester.js';
import { type AttestOptions, attestsAny, attestsOf } from '../attest/options.js';
import { assembleImage, assembleIndex, type ImageConfig } from '../oci/assemble.js';
import type { Image, Layer, Target } from '../oci/image.js';
import type { BuildOptions, OutputSpec } from './build-options.js';

/** What of an output decides the bytes of an image, and of what is attested of it. */
export type ImageForm = Pick<OutputSpec, 'compression' | 'compressionLevel' | 'ociMediaTypes' | 'annotations'> &
  Partial<Pick<OutputSpec, 'type' | 'names' | 'ociArtifact'>>;

/** One platform of a build. */
export interface PlatformLayers {
  readonly config: ImageConfig;
  /** Bottom first. */
  readonly layers: readonly Layer[];
}

export interface AssemblyOptions extends Pick<BuildOptions, 'epochSeconds' | 'annotations' | 'attest'> {
  /** There, where anything is to be attested. */
  readonly attester: Attester | undefined;
}

/**
 * Puts a target together. What is attested makes an index of a single image too; the image is the same with and without.
 * @throws what Attester throws
 */
export async function assembleTarget(
  platforms: readonly PlatformLayers[],
  form: ImageForm,
  { epochSeconds, annotations: all = [], attest = {}, attester }: AssemblyOptions,
): Promise<Target> {
  const { ociMediaTypes, names = [], ociArtifact = false } = form;
  const annotations = [...(form.annotations ?? []), ...all];
  const attested = attester ? manifestsOf(attest, form, platforms.length) : {};
  const inIndex = platforms.length > 1 || attestsAny(attested);
  const options = { epochSeconds, ociMediaTypes, annotations, inIndex };
  const images: Image[] = platforms.map(({ config, layers }) => assembleImage(config, layers, options));
  if (!inIndex) return images[0]!;
  const about = { attest: attested, names, asArtifact: ociArtifact };
  const attestations = attester && attestsAny(attested) ? await attester.ofImages(images, about) : [];
  return assembleIndex(images, { ociMediaTypes, annotations }, attestations);
}

/** What an output has as manifests: files are attested by files, and an artifact not at all. */
function manifestsOf(attest: AttestOptions, form: Pick<ImageForm, 'type'>, platforms: number): AttestOptions {
  if (form.type === 'local' || form.type === 'tar' || form.type === 'wasm') return {};
  return attestsOf(attest, form, platforms);
}
