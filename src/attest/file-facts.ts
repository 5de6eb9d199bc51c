/** What a bill of materials says of the content of a file: its digests, and who made it if it is WebAssembly. */
import { createHash } from 'node:crypto';
import type { Content } from '../snapshot/content.js';
import type { FileNode } from '../snapshot/file-tree.js';
import { readContent, readContentSync, SMALL_FILE } from '../util/file-content.js';
import { readProducers, type WasmProducer } from '../util/wasm-producers.js';
import { WasmScanner } from '../util/wasm-sections.js';

export interface FileFacts {
  /** In hex. SPDX wants SHA-1 of every file. */
  readonly sha1: string;
  readonly sha256: string;
  /** Undefined for a file that is no WebAssembly; else what its `producers` sections say, those of modules within a component too, each once. */
  readonly producers?: readonly WasmProducer[];
}

/** Reads files, each at most once: names of one inode, and copies in several images, share their content. */
export class FileReader {
  readonly #known = new Map<Content, Promise<FileFacts>>();

  /** @throws BuildError `FileChanged`, `FileNotReadable` */
  read(file: FileNode): Promise<FileFacts> {
    const facts = this.#known.get(file.content) ?? readFacts(file);
    this.#known.set(file.content, facts);
    return facts;
  }
}

async function readFacts(file: FileNode): Promise<FileFacts> {
  const [sha1, sha256] = [createHash('sha1'), createHash('sha256')];
  const scanner = new WasmScanner();
  const take = (chunk: Uint8Array) => {
    sha1.update(chunk);
    sha256.update(chunk);
    scanner.push(chunk);
  };
  if (file.size <= SMALL_FILE) take(readContentSync(file));
  else for await (const chunk of readContent(file)) take(chunk);
  const wasm = scanner.finish();
  const digests = { sha1: sha1.digest('hex'), sha256: sha256.digest('hex') };
  if (!wasm) return digests;
  const all = wasm.sections
    .filter(({ custom, content }) => custom === 'producers' && content !== undefined)
    .flatMap(({ content }) => readProducers(content!));
  const once = new Map(all.map((producer) => [JSON.stringify(Object.values(producer)), producer]));
  return { ...digests, producers: [...once.values()] };
}
