/**
 * What is in an image, as an SPDX document: the image, every regular file with its digests and its layer, and what WebAssembly modules say of the
 * programs that made them. Where BuildKit runs a scanner for this, the files themselves are read here; nothing is guessed from their names.
 * @see https://spdx.github.io/spdx-spec/v2.3/, moby/buildkit docs/attestations/sbom-protocol.md
 */
import { createHash } from 'node:crypto';
import { formatTime } from '../oci/assemble.js';
import type { Digest } from '../util/digest.js';
import { hexOf, sha256 } from '../util/digest.js';
import { goJson, type Json } from '../util/go-json.js';
import { compareBytes, encodeText } from '../util/text.js';
import type { WasmProducer } from '../util/wasm-producers.js';
import type { FileFacts } from './file-facts.js';

/** The type of the predicate. */
export const SPDX_TYPE = 'https://spdx.dev/Document';

export interface SpdxFile {
  /** `bin/app`. */
  readonly path: string;
  readonly facts: FileFacts;
  /** The digest of the layer that has it, as stored; undefined where the output has no layers. */
  readonly layer: Digest | undefined;
}

export interface SpdxInput {
  /** As docker shows the image; undefined: it has no name. */
  readonly name: string | undefined;
  /** As a package URL, where it has a name. */
  readonly purl: string | undefined;
  /** The digest of the manifest; undefined where the output is files alone. */
  readonly manifest: Digest | undefined;
  /** In the order of the tree. */
  readonly files: readonly SpdxFile[];
  readonly epochSeconds: number;
}

const IMAGE_ID = 'SPDXRef-Package-image';

/**
 * The document. Its namespace ends in the digest of all the rest, so that two documents have one namespace only if they are the same; its time is
 * that of the image. The version of wbuild is not in it, as it is in no other output.
 */
export function spdxDocument(input: SpdxInput): Json {
  const name = input.name ?? input.manifest ?? 'root filesystem';
  const files = input.files.map((file) => ({ file, id: `SPDXRef-File-${shortHash(file.path)}` }));
  const tools = producerPackages(files.map(({ file, id }) => ({ id, producers: file.facts.producers ?? [] })));
  const rest = {
    packages: [imagePackage(input, name), ...tools.packages],
    files: files.map(({ file, id }) => fileJson(file, id)),
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', IMAGE_ID),
      ...files.map(({ id }) => relationship(IMAGE_ID, 'CONTAINS', id)),
      ...tools.relationships,
    ],
  };
  const created = formatTime(input.epochSeconds);
  const namespace = hexOf(sha256(goJson([name, created, rest])));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://spdx.org/spdxdocs/wbuild-${namespace}`,
    creationInfo: { creators: ['Tool: wbuild'], created },
    ...rest,
  };
}

function imagePackage({ manifest, purl, files }: SpdxInput, name: string): Json {
  // SPDX: the SHA-1 of all SHA-1s, sorted and joined
  const sums = files.map(({ facts }) => facts.sha1).sort();
  const code = createHash('sha1').update(sums.join('')).digest('hex');
  const reference = { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl };
  return {
    name,
    SPDXID: IMAGE_ID,
    versionInfo: manifest,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: files.length > 0,
    packageVerificationCode: files.length > 0 ? { packageVerificationCodeValue: code } : undefined,
    checksums: manifest && [{ algorithm: 'SHA256', checksumValue: hexOf(manifest) }],
    primaryPackagePurpose: 'CONTAINER',
    externalRefs: purl === undefined ? undefined : [reference],
  };
}

function fileJson({ path, facts, layer }: SpdxFile, id: string): Json {
  return {
    fileName: `./${path}`,
    SPDXID: id,
    fileTypes: facts.producers && ['BINARY', 'APPLICATION'],
    checksums: [
      { algorithm: 'SHA1', checksumValue: facts.sha1 },
      { algorithm: 'SHA256', checksumValue: facts.sha256 },
    ],
    // the words in which BuildKit says it
    comment: layer && `layerID: ${layer}`,
  };
}

/** What a producer is to the file, by the field that names it. @see https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/ */
const RELATIONS: Readonly<Record<string, string>> = { 'processed-by': 'BUILD_TOOL_OF', sdk: 'DEV_TOOL_OF' };

interface ProducedFile {
  readonly id: string;
  readonly producers: readonly WasmProducer[];
}

/** A package for each program, kit or language that some module names, in byte order; and which file it made. */
function producerPackages(files: readonly ProducedFile[]): {
  readonly packages: readonly Json[];
  readonly relationships: readonly Json[];
} {
  const packages = new Map<string, Json>();
  const relationships: Json[] = [];
  for (const { id, producers } of files) {
    for (const { field, name, version } of producers) {
      const key = JSON.stringify([field, name, version]);
      const tool = `SPDXRef-Package-${shortHash(key)}`;
      packages.set(key, {
        name,
        SPDXID: tool,
        versionInfo: version === '' ? undefined : version,
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: false,
        comment: `named by a WebAssembly module as its ${field}`,
      });
      relationships.push(relationship(tool, RELATIONS[field] ?? 'OTHER', id, RELATIONS[field] ? undefined : field));
    }
  }
  const sorted = [...packages].sort((a, b) => compareBytes(a[0], b[0]));
  return { packages: sorted.map(([, json]) => json), relationships };
}

function relationship(from: string, type: string, to: string, comment?: string): Json {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to, comment };
}

/** 96 bits: an identifier may have letters, digits, dots and hyphens alone, and a path may have anything. */
function shortHash(text: string): string {
  return hexOf(sha256(encodeText(text))).slice(0, 24);
}
