/** The statements of one build: made once it is solved, about the images and folders that it writes. */

import type { Vertex } from '../llb/op.js';
import { assembleAttestations } from '../oci/attestation.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import type { AttestationManifest, Image } from '../oci/image.js';
import { familiarName, parseReference } from '../oci/reference.js';
import { diffTrees } from '../snapshot/diff.js';
import { type DirectoryNode, type FileNode, walkTree } from '../snapshot/file-tree.js';
import type { Digest } from '../util/digest.js';
import { FileReader } from './file-facts.js';
import { findMaterials, type Material } from './materials.js';
import type { AttestOptions, ProvenanceOptions } from './options.js';
import { type BuildRequest, PROVENANCE_TYPES, provenancePredicate } from './provenance.js';
import { imagePurl } from './purl.js';
import { SPDX_TYPE, spdxDocument } from './spdx.js';
import { type Attestation, imageSubjects, type Subject, statementJson } from './statement.js';

/** One platform of a build, solved. */
export interface SolvedPlatform {
  /** Normalised. */
  readonly platform: Platform;
  readonly result: Vertex | undefined;
  /** What the source vertices gave. */
  readonly sources: readonly { readonly vertex: Vertex; readonly tree: DirectoryNode }[];
  readonly tree: DirectoryNode;
  /** What makes each layer, bottom first. */
  readonly steps: readonly { readonly lower: DirectoryNode; readonly upper: DirectoryNode; readonly vertex: Digest }[];
}

/** Digests of file contents, each taken once (context/content-digests.ts). */
export interface Digests {
  digest(file: FileNode): Promise<Digest>;
  readonly same: (a: FileNode, b: FileNode) => boolean;
}

export interface AttesterOptions {
  readonly request: BuildRequest;
  /** In the order of the images. */
  readonly platforms: readonly SolvedPlatform[];
  readonly digests: Digests;
}

/** What the statements of one output are about. */
interface About {
  readonly attest: AttestOptions;
  /** Normalised. */
  readonly names: readonly string[];
  /** undefined where the output is files alone. */
  readonly image?: Image;
}

/** Makes statements. Nothing of them enters an image, a layer or the key of one: they are written about what is finished. */
export class Attester {
  readonly #options: AttesterOptions;
  readonly #reader = new FileReader();
  readonly #materials = new Map<SolvedPlatform, Promise<Material[]>>();

  constructor(options: AttesterOptions) {
    this.#options = options;
  }

  /**
   * A manifest of statements for each image, in their order.
   * @throws BuildError `FileChanged`, `FileNotReadable`
   */
  async ofImages(
    images: readonly Image[],
    { attest, names, asArtifact }: Omit<About, 'image'> & { readonly asArtifact: boolean },
  ): Promise<AttestationManifest[]> {
    const made: AttestationManifest[] = [];
    for (const [i, image] of images.entries()) {
      const solved = this.#options.platforms[i]!;
      const subjects = imageSubjects(names, image.manifest.descriptor, image.platform);
      const statements = (await this.#attestations(solved, { attest, names, image })).map((attestation) => {
        return { predicateType: attestation.predicateType, json: statementJson(attestation, subjects) };
      });
      made.push(assembleAttestations(image, statements, { asArtifact }));
    }
    return made;
  }

  /**
   * The statements about the files of one platform, each with the name of its file: every regular file is a subject.
   * @throws BuildError `FileChanged`, `FileNotReadable`
   */
  async ofFiles(index: number, about: Omit<About, 'image'>) {
    const solved = this.#options.platforms[index]!;
    const subjects: Subject[] = [];
    for (const [name, node] of walkTree(solved.tree))
      if (node.type === 'file') subjects.push({ name, digest: await this.#options.digests.digest(node) });
    const attestations = await this.#attestations(solved, about);
    return attestations.map((made) => ({ filename: made.filename, json: statementJson(made, subjects) }));
  }

  /** In BuildKit's order. */
  async #attestations(solved: SolvedPlatform, about: About): Promise<Attestation[]> {
    const { provenance, sbom } = about.attest;
    return [
      ...(sbom ? [await this.#sbom(solved, about)] : []),
      ...(provenance ? [await this.#provenance(solved, about, provenance)] : []),
    ];
  }

  async #provenance(solved: SolvedPlatform, { image }: About, options: ProvenanceOptions): Promise<Attestation> {
    const { request, digests } = this.#options;
    const { result, platform, sources, steps } = solved;
    const input = { dockerfile: request.dockerfile, sources, platform, digestOf: (f: FileNode) => digests.digest(f) };
    const materials = this.#materials.get(solved) ?? findMaterials(input);
    this.#materials.set(solved, materials);
    const layers = image ? steps.map(({ vertex }, i) => ({ vertex, descriptor: image.layers[i]!.descriptor })) : [];
    const predicate = provenancePredicate({ request, result, materials: await materials, layers }, options);
    return { filename: options.filename, predicateType: PROVENANCE_TYPES[options.version], predicate };
  }

  async #sbom(solved: SolvedPlatform, { names, image }: About): Promise<Attestation> {
    const layers = image ? this.#layersOf(solved, image) : new Map<string, Descriptor>();
    const files = [];
    for (const [path, node] of walkTree(solved.tree)) {
      if (node.type !== 'file') continue;
      files.push({ path, facts: await this.#reader.read(node), layer: layers.get(path)?.digest });
    }
    const reference = names[0] === undefined ? undefined : parseReference(names[0]);
    const predicate = spdxDocument({
      name: reference && familiarName(reference),
      purl: reference && imagePurl('docker', reference, solved.platform),
      manifest: image?.manifest.descriptor.digest,
      files,
      epochSeconds: this.#options.request.epochSeconds,
    });
    return { filename: 'sbom.spdx.json', predicateType: SPDX_TYPE, predicate };
  }

  /** By path, the uppermost layer that has it. */
  #layersOf({ steps }: SolvedPlatform, image: Image): Map<string, Descriptor> {
    const found = new Map<string, Descriptor>();
    for (const [i, { lower, upper }] of steps.entries()) {
      for (const { path } of diffTrees(lower, upper, this.#options.digests.same))
        found.set(path, image.layers[i]!.descriptor);
    }
    return found;
  }
}
