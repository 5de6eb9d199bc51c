/**
 * Checks of the machine that were passed, by what they depend on. Each counts for a week; one that cannot be read is done again.
 *
 * They lie beside the store and not in it, since they are about the machine: a store may be new for each build, or come from another machine. As with
 * code that is kept (cli/code-cache.ts), a file that others may write is not believed.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { hexOf, sha256 } from '../util/digest.js';
import { isOurs, userCacheFolder } from '../util/user-cache.js';
import { keepNewest, type StoreWriteOptions, writeStoreFile } from './store-files.js';

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const MAX_CHECKS = 64;

/** Where checks are remembered: in a folder of its own in the user's cache folder. @param env of the process */
export function checksFolder(env: Readonly<Record<string, string | undefined>>): string {
  return userCacheFolder('wbuild-checks', env);
}

/** Remembers in a folder; `now` is the clock in milliseconds, and nothing of it reaches an output. */
export class StoredChecks {
  readonly #folder: string;
  readonly #options: StoreWriteOptions;
  readonly #now: () => number;

  constructor(folder: string, now: () => number, options: StoreWriteOptions = {}) {
    this.#folder = folder;
    this.#now = now;
    this.#options = options;
  }

  async has(key: string): Promise<boolean> {
    const file = this.#path(key);
    try {
      if (readFileSync(file, 'utf8') !== key || !isOurs(statSync(file)) || !isOurs(statSync(path.dirname(file))))
        return false;
      return Math.abs(this.#now() - statSync(file).mtimeMs) < WEEK_MS;
    } catch {
      return false;
    }
  }

  async add(key: string): Promise<void> {
    try {
      await writeStoreFile(this.#folder, this.#path(key), Buffer.from(key), this.#options);
      keepNewest(path.dirname(this.#path(key)), MAX_CHECKS);
    } catch {
      // checked again next time
    }
  }

  #path(key: string): string {
    return path.join(this.#folder, 'v1', hexOf(sha256(key)));
  }
}
