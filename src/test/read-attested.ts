/** Attested images read back by means that share nothing with what writes them: every blob is hashed on the way. */
import fs from 'node:fs';
import { digestOf, readEntries } from './read-image.js';

/** JSON as it comes, to be compared or picked from. */
// biome-ignore lint/suspicious/noExplicitAny: tests pick fields out of documents
export type AnyJson = any;

export interface ReadAttestation {
  /** The entry of the index that lists it. */
  readonly listed: AnyJson;
  readonly manifest: AnyJson;
  readonly config: AnyJson;
  readonly statements: readonly AnyJson[];
}

export interface ReadAttested {
  readonly root: AnyJson;
  readonly index: AnyJson;
  /** The entries of the index that are images. */
  readonly images: readonly AnyJson[];
  readonly attestations: readonly ReadAttestation[];
}

/** Reads the index that an OCI archive holds. */
export async function readAttested(tar: string): Promise<ReadAttested> {
  const files = new Map((await readEntries(fs.readFileSync(tar))).map((entry) => [entry.path, entry.bytes]));
  const blob = ({ digest, size }: { digest: string; size: number }): AnyJson => {
    const bytes = files.get(`blobs/${digest.replace(':', '/')}`);
    if (bytes?.length !== size || digestOf(bytes) !== digest) throw new Error(`${digest} is not what it is called`);
    return JSON.parse(String(bytes));
  };
  const root = JSON.parse(String(files.get('index.json'))).manifests[0];
  const index = blob(root);
  const isStatement = ({ annotations }: AnyJson) => annotations?.['vnd.docker.reference.type'] !== undefined;
  const attestations = (index.manifests ?? []).filter(isStatement).map((listed: AnyJson): ReadAttestation => {
    const manifest = blob(listed);
    const statements = (manifest.layers as AnyJson[]).map((layer) => blob(layer));
    return { listed, manifest, config: blob(manifest.config), statements };
  });
  return { root, index, images: (index.manifests ?? []).filter((m: AnyJson) => !isStatement(m)), attestations };
}
