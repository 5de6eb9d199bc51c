/**
 * `type=oci`: an OCI image layout, as a tar or (`tar=false`) as a folder.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, fail } from '../diagnostic/build-error.js';
import { documentsOf, imagesOf } from '../oci/image.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { formatReference } from '../oci/reference.js';
import {
  quietly,
  registerTemporary,
  removeTree,
  writeFileAtomically,
  writeFolderAtomically,
} from '../util/atomic-write.js';
import type { Digest } from '../util/digest.js';
import { goJson, type Json } from '../util/go-json.js';
import {
  archiveBytes,
  blobBytes,
  blobPath,
  layoutEntries,
  OCI_LAYOUT,
  references,
  refNameOf,
  rootDescriptor,
} from './archive.js';
import { attempt, checkDestination, exportStep, firstMissing, notWritable, writeBytes } from './destination.js';
import type { Exporter, ExportInput } from './types.js';

export const ociExporter: Exporter = {
  export: (input, to) =>
    exportStep(input.emit, 'oci image format', to, () =>
      to.kind === 'folder'
        ? writeLayout(input, to.path)
        : writeBytes(to, archiveBytes(layoutEntries(input), input.content)),
    ),
};

type JsonObject = { [key: string]: Json };

/**
 * Adds the image to a layout, which is made if it is not there; an image of the same name goes out of the index, everything else stays.
 * @see moby/buildkit client/ociindex/ociindex.go (its lock aside: of two exports at once into one folder, one may miss in the index)
 */
async function writeLayout(input: ExportInput, folder: string): Promise<void> {
  await checkDestination({ kind: 'folder', path: folder });
  const { existing, missing, rest } = await attempt(folder, () => firstMissing(folder));
  if (missing === undefined) return addToLayout(input, existing, folder);
  await attempt(folder, () =>
    writeFolderAtomically(path.join(existing, missing), async (temporary) => {
      const root = path.join(temporary, ...rest);
      await mkdir(root, { recursive: true });
      await addToLayout(input, root, folder);
    }),
  );
}

/** `shown` is the folder as the user calls it. The index is written last: until then nothing that reads the layout sees what is new. What was added is removed after a failure. */
async function addToLayout(input: ExportInput, root: string, shown: string): Promise<void> {
  const index = await readIndex(root, shown);
  const added: string[] = [];
  const undo = () => {
    for (const file of added.reverse()) quietly(() => removeTree(file));
  };
  const release = registerTemporary(path.join(root, randomBytes(8).toString('hex')), undo);
  try {
    await attempt(shown, async () => {
      for (const folder of ['blobs', 'blobs/sha256']) {
        if (noteNew(path.join(root, folder), added)) await mkdir(path.join(root, folder));
      }
      await addBlobs(input, root, added);
      const layout = path.join(root, 'oci-layout');
      noteNew(layout, added);
      await writeFileAtomically(layout, OCI_LAYOUT, { mode: 0o644 });
      const text = goJson(withImage(index, input));
      await writeFileAtomically(path.join(root, 'index.json'), Buffer.from(text), { mode: 0o644 });
    });
  } catch (error) {
    undo();
    throw error;
  } finally {
    release();
  }
}

/** Whether a path is not there yet; then it goes on the list of what a failure has to remove. */
function noteNew(file: string, added: string[]): boolean {
  if (existsSync(file)) return false;
  added.push(file);
  return true;
}

/** Blobs that are there already are written again, which mends a damaged one. */
async function addBlobs(input: ExportInput, root: string, added: string[]): Promise<void> {
  const layers = imagesOf(input.target).flatMap((image) => image.layers.map(({ descriptor }) => descriptor));
  const blobs = [
    ...layers.map(({ digest, size }) => ({ digest, data: blobBytes(digest, size, input.content) })),
    ...documentsOf(input.target).map(({ descriptor, bytes }) => ({ digest: descriptor.digest, data: bytes })),
  ];
  const seen = new Set<Digest>();
  for (const { digest, data } of blobs) {
    if (seen.has(digest)) continue; // platforms share layers
    seen.add(digest);
    const file = path.join(root, blobPath(digest));
    noteNew(file, added);
    await writeFileAtomically(file, data, { mode: 0o444 });
  }
}

/** The index of a layout; an empty one when there is none. */
async function readIndex(root: string, shown: string): Promise<JsonObject> {
  const file = path.join(root, 'index.json');
  let text = '';
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') notWritable(shown, error);
  }
  if (text === '') return {};
  try {
    const index: JsonObject | null = JSON.parse(text);
    if (typeof index === 'object' && Array.isArray(index?.manifests ?? [])) return index ?? {};
  } catch {
    // said below
  }
  return fail({
    code: 'OutputNotWritable',
    message: `cannot add an image to the layout at ${shown}: its index.json is damaged`,
    hint: 'remove the folder, or choose another destination',
  });
}

/** The index with the image in it, under the reference name `latest` when it has no name of its own. */
function withImage(index: JsonObject, input: ExportInput): JsonObject {
  const NAME = 'io.containerd.image.name';
  const REF = 'org.opencontainers.image.ref.name';
  const named = references(input).map((r) => ({ [NAME]: formatReference(r), [REF]: refNameOf(r) }));
  let manifests = [...((index.manifests ?? []) as JsonObject[])];
  for (const names of named.length > 0 ? named : [{ [REF]: 'latest' }]) {
    const isSame = ({ annotations }: JsonObject) => {
      const has = (annotations instanceof Map ? Object.fromEntries(annotations) : (annotations ?? {})) as JsonObject;
      return [NAME, REF].every((key) => (has[key] ?? '') === ((names as JsonObject)[key] ?? ''));
    };
    manifests = [...manifests.filter((m) => !isSame(m)), rootDescriptor(input, names)];
  }
  const { schemaVersion, mediaType, ...rest } = index;
  const head = { schemaVersion: schemaVersion ?? 2, mediaType: mediaType ?? MEDIA_TYPES.index };
  return { ...head, ...rest, manifests };
}
