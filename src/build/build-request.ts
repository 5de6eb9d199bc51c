/** The options of a build as a program gives them: what has a sensible default may be left out. */
import { PROVENANCE, type ProvenanceOptions } from '../attest/options.js';
import { fail } from '../diagnostic/build-error.js';
import { build as buildImage } from './build.js';
import type { BuildOptions, BuildResult, OutputSpec } from './build-options.js';

/** One output: where it goes, and what of it is not the default. */
export type OutputRequest = Pick<OutputSpec, 'type'> & Partial<OutputSpec>;

/** What is to be attested; of a provenance, what is not the default. */
export interface AttestRequest {
  readonly provenance?: Partial<ProvenanceOptions>;
  readonly sbom?: boolean;
}

/** {@link BuildOptions} with everything optional but the context. */
export interface BuildRequest extends Omit<BuildOptions, 'outputs' | 'epochSeconds' | 'attest'> {
  readonly attest?: AttestRequest;
  /** Default: none. The image is made all the same, and its digests are the answer. */
  readonly outputs?: readonly OutputRequest[];
  /** Seconds since 1970; default 0. SOURCE_DATE_EPOCH is the caller's to read. */
  readonly epochSeconds?: number;
}

/**
 * Builds an image and writes every output.
 * @returns the digests, and the warnings as values; nothing is printed
 * @throws BuildError for all that a user can cause, with `diagnostics`; the reason of `signal` when it is aborted
 */
export async function build(request: BuildRequest): Promise<BuildResult> {
  return buildImage(withDefaults(request));
}

/**
 * The options that a build needs. An output has the `names` of the request unless it has its own, OCI media types and gzip, as with the CLI.
 * @throws BuildError `InvalidOutput` for an output without a destination
 */
export function withDefaults({ outputs = [], epochSeconds = 0, attest, ...rest }: BuildRequest): BuildOptions {
  const full = outputs.map((output): OutputSpec => {
    if (
      output.type !== 'cacheonly' &&
      output.type !== 'image' &&
      !output.load &&
      !output.push &&
      output.dest === undefined
    )
      fail({
        code: 'InvalidOutput',
        message: `an output of type ${output.type} has no dest`,
        hint: 'give a path, or -',
      });
    const defaults = { tar: true, names: rest.names ?? [], ociMediaTypes: true, compression: 'gzip' } as const;
    return { ...defaults, ...output };
  });
  const { provenance, sbom } = attest ?? {};
  const attests = { ...(provenance && { provenance: { ...PROVENANCE, ...provenance } }), ...(sbom && { sbom }) };
  return { ...rest, ...(attest && { attest: attests }), outputs: full, epochSeconds };
}
