/**
 * Statements about an image, as manifests beside it in an index: of a platform that no runtime is for, with a layer for each statement.
 * @see moby/buildkit docs/attestations/attestation-storage.md, exporter/containerimage/writer.go (commitAttestationsManifest)
 */
import { goJson, type Json } from '../util/go-json.js';
import { descriptorJson, jsonBlob } from './assemble.js';
import type { Descriptor } from './descriptor.js';
import type { AttestationManifest, Blob, Image } from './image.js';
import { MEDIA_TYPES } from './media-types.js';

const REFERENCE_TYPE = 'vnd.docker.reference.type';
/** On the descriptor of a manifest of statements: which image they are about. */
export const REFERENCE_DIGEST = 'vnd.docker.reference.digest';
/** On each of its layers: the type of what is stated. */
export const PREDICATE_TYPE = 'in-toto.io/predicate-type';

/** Whether an index lists something that is said of an image, and no image. */
export function isAttestation({ annotations }: Pick<Descriptor, 'annotations'>): boolean {
  return annotations?.[REFERENCE_TYPE] !== undefined;
}

export interface Statement {
  readonly predicateType: string;
  readonly json: Json;
}

/**
 * Makes the manifest of some statements about one image.
 * @param asArtifact an OCI artifact, which has a subject and no config; BuildKit makes these by default since 0.31, and registries may not know them
 */
export function assembleAttestations(
  { manifest: of }: Image,
  statements: readonly Statement[],
  { asArtifact = false }: { readonly asArtifact?: boolean },
): AttestationManifest {
  const blobs = statements.map(({ json }) => jsonBlob(MEDIA_TYPES.inToto, goJson(json)));
  const config = asArtifact ? jsonBlob(MEDIA_TYPES.emptyJson, '{}') : jsonBlob(MEDIA_TYPES.config, configJson(blobs));
  const data = asArtifact ? { data: Buffer.from(config.bytes).toString('base64') } : {};
  const { mediaType, digest, size } = of.descriptor;
  const json: Json = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    artifactType: asArtifact ? MEDIA_TYPES.attestation : undefined,
    config: { ...descriptorJson(config.descriptor), ...data },
    layers: blobs.map(({ descriptor }, i) => ({
      ...descriptorJson(descriptor),
      annotations: { [PREDICATE_TYPE]: statements[i]!.predicateType },
    })),
    subject: asArtifact ? { mediaType, digest, size } : undefined,
  };
  const annotations = { [REFERENCE_DIGEST]: digest, [REFERENCE_TYPE]: 'attestation-manifest' };
  return { manifest: jsonBlob(MEDIA_TYPES.manifest, goJson(json, 2), annotations), config, statements: blobs };
}

/** For readers that want an image to have one. */
function configJson(statements: readonly Blob[]): string {
  const rootfs = { type: 'layers', diff_ids: statements.map(({ descriptor }) => descriptor.digest) };
  return goJson({ architecture: 'unknown', os: 'unknown', config: {}, rootfs });
}
