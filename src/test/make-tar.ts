/** Archives for tests, written by tar-stream, entry by entry, as they never come out of a well-meaning program. */
import { pack } from 'tar-stream';

/** An entry by its content, or with anything in its header. */
export type TarSpec = readonly [name: string, spec?: string | Partial<TarHeader>];

interface TarHeader {
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device';
  readonly content: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly linkname: string;
}

export async function makeTar(...entries: readonly TarSpec[]): Promise<Buffer> {
  const out = pack();
  for (const [name, spec = ''] of entries) {
    const { content = '', mtime = 1000, mode, ...header } = typeof spec === 'string' ? { content: spec } : spec;
    const type = header.type ?? (name.endsWith('/') ? 'directory' : 'file');
    const full = {
      ...header,
      name,
      type,
      mode: mode ?? (type === 'directory' ? 0o755 : 0o644),
      mtime: new Date(mtime * 1000),
    };
    out.entry(full, content);
  }
  out.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of out as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
