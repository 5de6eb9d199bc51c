/**
 * `type=wasm`: a root filesystem that is one WebAssembly file, as the OCI artifact that wasm runtimes and registries know.
 * @see https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { describeErrno, fail } from '../diagnostic/build-error.js';
import { type Destination, EXPORTERS, type ExportInput, type Root } from '../exporter/exporter.js';
import { type Annotation, annotationsFor, sortedMap } from '../oci/annotations.js';
import { formatTime } from '../oci/assemble.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Blob, Image } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { type DirectoryNode, type FileNode, walkTree } from '../snapshot/file-tree.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import { sha256 } from '../util/digest.js';
import { readContent } from '../util/file-content.js';
import { goJson, type Json } from '../util/go-json.js';
import { encodeText, quote } from '../util/text.js';
import { componentWorld, inspectWasm, type ReadAt } from '../util/wasm.js';
import type { OutputSpec } from './build-options.js';

/** A WebAssembly file, and what the config of the artifact says of it. */
interface WasmFacts {
  /** wasip1: a core module; wasip2: a component. */
  readonly os: 'wasip1' | 'wasip2';
  readonly component?: { readonly exports: readonly string[]; readonly imports: readonly string[] };
}

export interface WasmOutput {
  readonly output: OutputSpec;
  readonly roots: readonly Root[];
  readonly blobs: BuildBlobs;
  /** Those of the build and of the output. */
  readonly annotations: readonly Annotation[];
}

/**
 * Makes the artifact; the file becomes a blob of the store.
 * @throws BuildError `NotOneModule`; `FileChanged`, `FileNotReadable`, `StoreNotWritable`
 */
export async function makeWasmArtifact(
  { roots, blobs, annotations }: Omit<WasmOutput, 'output'>,
  epochSeconds: number,
): Promise<Image> {
  if (roots.length > 1) notOne('there are several platforms', 'give one --platform: the artifact runs on all of them');
  const { name, file } = onlyFile(roots[0]!.tree);
  const facts = readFacts(name, file);
  const { made } = await blobs.write((store) => store.write(readContent(file)));
  const layer: Descriptor = { mediaType: MEDIA_TYPES.wasm, digest: made.digest, size: made.size };
  const config = document(MEDIA_TYPES.wasmConfig, {
    created: formatTime(epochSeconds),
    architecture: 'wasm',
    os: facts.os,
    layerDigests: [made.digest],
    component: facts.component,
  });
  const manifest = document(
    MEDIA_TYPES.manifest,
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: descriptorJson(config.descriptor),
      layers: [descriptorJson(layer)],
      annotations: sortedMap(annotationsFor(annotations, 'manifest')),
    },
    annotationsFor(annotations, 'manifest-descriptor'),
  );
  const platform = { os: facts.os, architecture: 'wasm' };
  return { platform, config, manifest, layers: [{ diffID: made.digest, descriptor: layer }] };
}

/** Writes the artifact as an OCI layout, if the output has a destination. */
export async function writeWasmArtifact(output: OutputSpec, input: ExportInput, to: Destination): Promise<void> {
  if (output.dest !== undefined) await EXPORTERS.oci.export(input, to);
}

function onlyFile(tree: DirectoryNode): { readonly name: string; readonly file: FileNode } {
  const files = [...walkTree(tree)].filter(([, node]) => node.type !== 'directory');
  const [first, second] = files;
  if (!first) return notOne('it holds no file', 'COPY the module into the stage');
  if (second) {
    const names = files.slice(0, 3).map(([path]) => quote(`/${path}`));
    const hint = 'copy the module alone in the stage that is built; what it needs besides is an image: -o type=oci';
    return notOne(`it holds ${names.join(', ')}${files.length > 3 ? ' …' : ''}`, hint);
  }
  const [path, node] = first;
  if (node.type !== 'file') return notOne(`${quote(`/${path}`)} is a ${node.type}`, 'COPY the module itself');
  return { name: path, file: node };
}

function readFacts(name: string, file: FileNode): WasmFacts {
  const read = reader(file);
  const { kind } = inspectWasm(read, file.size);
  if (kind === 'module') return { os: 'wasip1' };
  if (kind === 'other')
    return notOne(`${quote(`/${name}`)} is no WebAssembly file`, 'COPY a module, or a component, in its binary form');
  const world = componentWorld(read, file.size);
  if (!world) return notOne(`${quote(`/${name}`)} is a component that cannot be read`, 'build it again');
  return { os: 'wasip2', component: { exports: world.exports, imports: world.imports } };
}

/** A link or a pipe that has taken the place of the file is not followed or waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Bytes of a file as they are asked for: headers, and a section or two. That the file is still what it was, writing the blob finds out. */
function reader({ content, size }: FileNode): ReadAt {
  if (content.kind === 'bytes') return (at, length) => content.bytes.subarray(at, at + length);
  return (at, length) => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - at)));
    let fd: number | undefined;
    try {
      fd = openSync(encodeText(content.path), FLAGS);
      return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, content.offset + at));
    } catch (error) {
      const message = `${content.label} cannot be read: ${describeErrno(error)}`;
      return fail({ code: 'FileNotReadable', message, hint: 'make it readable' }, error);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  };
}

function descriptorJson({ mediaType, digest, size }: Descriptor): Json {
  return { mediaType, digest, size };
}

function document(mediaType: string, json: Json, annotations?: Descriptor['annotations']): Blob {
  const bytes = Buffer.from(goJson(json));
  const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length, ...(annotations && { annotations }) };
  return { descriptor, bytes };
}

function notOne(problem: string, hint: string): never {
  const message = `-o type=wasm takes a root filesystem that is one WebAssembly file: ${problem}`;
  return fail({ code: 'NotOneModule', message, hint });
}
