/**
 * V8's compiled form of the program, kept from run to run where Node does not do that itself: half of the start-up is parsing and compiling.
 *
 * A file of the cache holds the code of one source on one engine. Its name is the digest of the source, of the version and the processor of
 * Node (a home may be shared), and of the path, which stack traces show. V8 itself refuses the code of another V8, or of other flags, but of a source it compares the length alone:
 * the digest is what makes reuse sound. The bytes follow a digest of their own: one that is torn or flipped is no cache.
 *
 * It lies beside the store, not in it: a store may come from another machine (CI caches), and what is run as code must not.
 * For the same reason a folder or file that others may write to is not used. Whatever fails here costs compiling, and nothing else.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Script } from 'node:vm';
import { quietly } from '../util/atomic-write.js';
import { isOurs, userCacheFolder } from '../util/user-cache.js';
import type { Env } from './io.js';

const DIGEST_BYTES = 32;
/** Older ones go: a few versions of Node or of wbuild may take turns. */
const MAX_FILES = 4;

/** A CommonJS file in ASCII, and the `require` that it is to use. */
export interface CommonJsFile {
  readonly file: string;
  readonly require: NodeJS.Require;
}

/** Where code is kept: a folder of its own in the user's cache folder. NODE_DISABLE_COMPILE_CACHE turns it off, as it does Node's own. */
export function codeCacheFolder(env: Env): string | undefined {
  if (env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  return userCacheFolder('wbuild-code', env);
}

/**
 * Loads a CommonJS file by way of the cache.
 * @param folder of the cache; undefined: none
 * @param engine the version of Node, and what it runs on
 * @returns its exports; `keep` stores its code once it has run, if it was not there
 */
export function loadWithCodeCache<T>(
  { file, require }: CommonJsFile,
  folder: string | undefined,
  engine: string,
): { readonly program: T; readonly keep: () => void } {
  const source = readFileSync(file, 'latin1'); // of ASCII the same, and quicker
  const kept = folder === undefined ? undefined : path.join(folder, nameOf(source, file, engine));
  const cachedData = kept === undefined ? undefined : readCode(kept);
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
  const script = new Script(wrapped, { filename: file, ...(cachedData && { cachedData }) });
  const module: { exports: unknown } = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, path.dirname(file));
  const known = cachedData !== undefined && script.cachedDataRejected === false;
  const keep = () => {
    if (!known && kept !== undefined) writeCode(kept, script.createCachedData());
  };
  return { program: module.exports as T, keep };
}

function nameOf(source: string, file: string, engine: string): string {
  const hash = createHash('sha256');
  hash.update(`${engine}\0${file}\0`); // a NUL cannot stand in either
  return hash.update(source).digest('hex');
}

/** Covers the name, so that the code of another source is not taken for that of this one. */
function sealOf(file: string, code: Uint8Array): Buffer {
  return createHash('sha256').update(path.basename(file)).update(code).digest();
}

function readCode(file: string): Buffer | undefined {
  let handle: number | undefined;
  try {
    handle = openSync(file, 'r');
    if (!isOurs(fstatSync(handle)) || !isOurs(statSync(path.dirname(file)))) return undefined;
    const bytes = readFileSync(handle);
    const code = bytes.subarray(DIGEST_BYTES);
    return sealOf(file, code).equals(bytes.subarray(0, DIGEST_BYTES)) ? code : undefined;
  } catch {
    return undefined;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function writeCode(file: string, code: Buffer): void {
  const folder = path.dirname(file);
  const part = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(part, Buffer.concat([sealOf(file, code), code]), { mode: 0o600, flag: 'wx' });
    renameSync(part, file);
    removeOld(folder);
  } catch {
    quietly(() => rmSync(part, { force: true }));
  }
}

function removeOld(folder: string): void {
  const files = readdirSync(folder).map((name) => path.join(folder, name));
  const aged = files.map((file) => ({ file, mtime: statSync(file).mtimeMs })).sort((a, b) => b.mtime - a.mtime);
  for (const { file } of aged.slice(MAX_FILES)) rmSync(file, { force: true });
}
