import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeErrno, errnoOf } from '../diagnostic/build-error.js';
import { quietly, registerTemporary, removeTree } from '../util/atomic-write.js';
import { userCacheFolder } from '../util/user-cache.js';
import { isAlive, processName } from './lock.js';

/** The store of a build, and a folder for what only this build needs. */
export interface OpenStore {
  /** An OCI image layout, with records beside the blobs. */
  readonly folder: string;
  /** On the same disk (where /tmp may be memory); gone with the build, or with an interrupt. */
  readonly scratch: string;
  /** There is no store that outlives the build. */
  readonly temporary: boolean;
  /** A store of this build alone, on the disk of temporary files; made when it is first asked for, and gone with the build. */
  readonly spare: () => string;
  close(): void;
}

/** Where the store is when nothing else is said. @param env of the process: XDG_CACHE_HOME counts, and WBUILD_CACHE_DIR before it */
export function defaultStoreFolder(env: Readonly<Record<string, string | undefined>> = {}): string {
  return env.WBUILD_CACHE_DIR || userCacheFolder('wbuild', env);
}

/**
 * Opens the store. Where it cannot be written, or is of another version, there is a temporary one in its place.
 * @param lost hears then why; it may throw
 * @throws the system error when there is no place for temporary files either
 */
export function openStore(folder: string, lost: (why: string) => void): OpenStore {
  const spare = new Spare();
  try {
    const foreign = foreignLayout(folder);
    if (foreign !== undefined) throw new Error(foreign);
    mkdirSync(path.join(folder, 'builds'), { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
    const scratch = mkdtempSync(path.join(folder, 'builds', `build-${processName()}-`));
    return { folder, scratch, temporary: false, spare: spare.folder, close: closing(scratch, spare) };
  } catch (error) {
    lost(`${folder} cannot be written: ${describeErrno(error)}`);
    const store = spare.folder();
    const scratch = path.dirname(store);
    return { folder: store, scratch, temporary: true, spare: spare.folder, close: closing(undefined, spare) };
  }
}

/** Why a folder is an OCI layout that must be left alone; undefined when it is none yet, or one that we know. */
export function foreignLayout(folder: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path.join(folder, 'oci-layout'), 'utf8');
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR' ? undefined : describeErrno(error);
  }
  try {
    const version = (JSON.parse(text) as { imageLayoutVersion?: unknown }).imageLayoutVersion;
    if (version === '1.0.0') return undefined;
    return `it is an OCI layout of version ${String(version)}, which a newer program may have written`;
  } catch {
    return 'its file oci-layout is damaged';
  }
}

/** Whether a folder is a store, and so may be cleaned up: an OCI layout that builds have used. */
export async function isStore(folder: string): Promise<boolean> {
  const layout = await stat(path.join(folder, 'oci-layout')).catch(() => undefined);
  const builds = await stat(path.join(folder, 'builds')).catch(() => undefined);
  return layout !== undefined && builds !== undefined && foreignLayout(folder) === undefined;
}

/** A folder of {@link openStore}. */
export interface BuildFolder {
  readonly path: string;
  /** When the build began, in milliseconds, by the clock of the disk. */
  readonly started: number;
  /** undefined: another machine or container has it, and nobody here can tell. */
  readonly alive: boolean | undefined;
}

/** The folders of builds: those that run, and those that died. */
export async function buildFolders(store: string): Promise<BuildFolder[]> {
  const found: BuildFolder[] = [];
  for (const name of await readdir(path.join(store, 'builds')).catch(() => [])) {
    const [, owner] = /^build-(\d+-[0-9a-f]{8})-/.exec(name) ?? [];
    const at = path.join(store, 'builds', name);
    const stats = owner === undefined ? undefined : await stat(at).catch(() => undefined);
    if (owner === undefined || !stats) continue;
    const times = [stats.birthtimeMs, stats.mtimeMs, stats.ctimeMs].filter((ms) => ms > 0);
    found.push({ path: at, started: Math.min(...times), alive: isAlive(owner) });
  }
  return found;
}

/** A temporary folder with a store in it. */
class Spare {
  #base: string | undefined;
  #forget: (() => void) | undefined;

  folder = (): string => {
    if (this.#base === undefined) {
      this.#base = mkdtempSync(path.join(tmpdir(), 'wbuild-'));
      this.#forget = registerTemporary(this.#base);
    }
    return path.join(this.#base, 'store');
  };

  close(): void {
    const base = this.#base;
    if (base !== undefined) quietly(() => removeTree(base));
    this.#forget?.();
  }
}

function closing(scratch: string | undefined, spare: Spare): () => void {
  const forget = scratch === undefined ? undefined : registerTemporary(scratch);
  return () => {
    // a store that became read-only keeps the folder, and pruning removes it: no reason to fail at the end of a build
    if (scratch !== undefined) quietly(() => removeTree(scratch));
    forget?.();
    spare.close();
  };
}
