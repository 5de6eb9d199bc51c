/**
 * What is said, of what: in-toto's statement.
 * @see https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, moby/buildkit exporter/attestation/make.go
 */
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { parseReference } from '../oci/reference.js';
import { type Digest, hexOf } from '../util/digest.js';
import type { Json } from '../util/go-json.js';
import { imagePurl } from './purl.js';

/** Something that a statement is about. */
export interface Subject {
  readonly name: string;
  readonly digest: Digest;
}

/** A predicate with its type, and the name of the file that it becomes where files are written. */
export interface Attestation {
  readonly filename: string;
  readonly predicateType: string;
  readonly predicate: Json;
}

export function statementJson({ predicateType, predicate }: Attestation, subjects: readonly Subject[]): Json {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType,
    subject: subjects.map(({ name, digest }) => ({ name, digest: { sha256: hexOf(digest) } })),
    predicate,
  };
}

/** An image under each of its names; as in BuildKit, one without names has no subject but that which the index says it belongs to. */
export function imageSubjects(names: readonly string[], manifest: Descriptor, platform: Platform): Subject[] {
  return names.map((name) => ({
    name: imagePurl('docker', parseReference(name), platform),
    digest: manifest.digest,
  }));
}
