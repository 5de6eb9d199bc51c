/** What a build is asked to attest, and which outputs carry it. */

/**
 * `--attest type=provenance`: how the image was made.
 * @see moby/buildkit docs/attestations/slsa-provenance.md
 */
export interface ProvenanceOptions {
  /** `min` leaves out what may be nobody's business: labels, the Dockerfile, the graph. */
  readonly mode: 'min' | 'max';
  /** Of SLSA's predicate. */
  readonly version: 'v1' | 'v0.2';
  /** Who built, as a URI; empty when nobody says so. */
  readonly builderId: string;
  /** Its name among the files of `type=local` and `type=tar`. */
  readonly filename: string;
  /** Whether the same digest is claimed for a repetition. */
  readonly reproducible: boolean;
  /** Only where it costs no index: in pushed images, and beside other attestations. */
  readonly inlineOnly: boolean;
}

/** All that is attested; none of it unless asked for. */
export interface AttestOptions {
  readonly provenance?: ProvenanceOptions;
  /** `--attest type=sbom`: what is in the image. */
  readonly sbom?: boolean;
}

/** What `--attest type=provenance` means without more. */
export const PROVENANCE: ProvenanceOptions = {
  mode: 'max',
  version: 'v1',
  builderId: '',
  filename: 'provenance.json',
  reproducible: true,
  inlineOnly: false,
};

/** The types of output that are files, and not images. */
const FILES: readonly (string | undefined)[] = ['local', 'tar', 'wasm'];

/**
 * The attestations that an output gets: with `inline-only`, provenance goes along where there is an index anyway, and into images that are pushed
 * or kept by name.
 * @see moby/buildkit exporter/containerimage/writer.go (Commit), exporter/attestation/filter.go
 */
export function attestsOf(
  { provenance, sbom = false }: AttestOptions,
  { type }: { readonly type?: string },
  platforms: number,
): AttestOptions {
  const archive = type === 'oci' || type === 'docker';
  const carried = !FILES.includes(type) && (!archive || sbom || platforms > 1);
  const kept = provenance && (!provenance.inlineOnly || carried) ? provenance : undefined;
  return { ...(kept && { provenance: kept }), ...(sbom && { sbom }) };
}

/** Whether there is anything to attest. */
export function attestsAny({ provenance, sbom = false }: AttestOptions): boolean {
  return provenance !== undefined || sbom;
}
