/** Stores in memory, for tests of what stands above them; they keep the same contract as those on disk, and count. */
import { fail } from '../diagnostic/build-error.js';
import type { BlobInfo, ContentStore } from '../store/blobs.js';
import type { LayerKey, LayerRecord, RecordStore } from '../store/records.js';
import { type Digest, sha256 } from '../util/digest.js';

export class MemoryBlobs implements ContentStore {
  constructor(readonly blobs = new Map<Digest, Buffer>()) {}

  async has(digest: Digest): Promise<boolean> {
    return this.blobs.has(digest);
  }

  async touch(digest: Digest, size: number): Promise<boolean> {
    return this.blobs.get(digest)?.length === size;
  }

  async *read(digest: Digest): AsyncGenerator<Uint8Array, void> {
    const bytes = this.blobs.get(digest);
    if (bytes) yield bytes;
    if (!bytes || sha256(bytes) !== digest) fail({ code: 'DamagedBlob', message: `the blob ${digest} is damaged` });
  }

  async write(data: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of data instanceof Uint8Array ? [data] : data) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    this.blobs.set(sha256(bytes), bytes);
    return { digest: sha256(bytes), size: bytes.length };
  }

  async remove(digest: Digest): Promise<void> {
    this.blobs.delete(digest);
  }
}

const nameOf = ({ shape, content }: LayerKey) => `${shape} ${content}`;

export class MemoryRecords implements RecordStore {
  readonly calls = { hasShape: 0, lookup: 0, save: 0, forget: 0 };

  constructor(readonly records = new Map<string, LayerRecord>()) {}

  async hasShape(shape: Digest): Promise<boolean> {
    this.calls.hasShape++;
    return [...this.records.keys()].some((name) => name.startsWith(shape));
  }

  async lookup(key: LayerKey): Promise<LayerRecord | undefined> {
    this.calls.lookup++;
    return this.records.get(nameOf(key));
  }

  async save(key: LayerKey, record: LayerRecord): Promise<void> {
    this.calls.save++;
    this.records.set(nameOf(key), record);
  }

  async forget(key: LayerKey): Promise<void> {
    this.calls.forget++;
    this.records.delete(nameOf(key));
  }
}
