/** Archives unpacked by tar-fs, which shares no code with what wrote them, and folders described so that two can be compared. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-fs';

/** Unpacks a tar over a folder: an entry replaces the file that has its name, as in an unpacker of images. */
export async function unpack(tar: Uint8Array, folder: string): Promise<void> {
  const replace = (name: string) => {
    if (fs.lstatSync(name, { throwIfNoEntry: false })?.isDirectory() === false) fs.rmSync(name);
    return false;
  };
  const options: object = { umask: 0, ignore: replace }; // the package's own types do not know umask
  await pipeline(Readable.from([Buffer.from(tar)]), extract(folder, options));
}

/** An entry below a folder; of the names of one file, the first in byte order is the file. */
export interface FolderEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link';
  /** All twelve bits; of a symlink 0o777. */
  readonly mode: number;
  readonly mtime: number;
  readonly linkname?: string;
  /** SHA-256 of a file's bytes. */
  readonly content?: string;
}

/** Every entry below a folder, in byte order. */
export function listFolder(folder: string): FolderEntry[] {
  const first = new Map<string, string>();
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true }); // without the types it would follow links
  const names = entries.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  return names.sort(byBytes).map((name): FolderEntry => {
    const file = path.join(folder, name);
    const stat = fs.lstatSync(file);
    const metadata = { path: name, mode: stat.mode & 0o7777, mtime: Math.floor(stat.mtimeMs / 1000) };
    if (stat.isSymbolicLink()) return { ...metadata, type: 'symlink', linkname: fs.readlinkSync(file) };
    if (stat.isDirectory()) return { ...metadata, type: 'directory' };
    const inode = `${stat.dev}:${stat.ino}`;
    const same = first.get(inode);
    first.set(inode, same ?? name);
    if (same !== undefined) return { ...metadata, type: 'link', linkname: same };
    return { ...metadata, type: 'file', content: contentDigest(fs.readFileSync(file)) };
  });
}

export const contentDigest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
