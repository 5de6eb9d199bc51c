/** The user's own cache folder, where a store lies by default, and beside it what is about the machine. */
import type { Stats } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import path from 'node:path';

/** A folder of ours in XDG_CACHE_HOME, which counts where it is absolute, or in ~/.cache. @see XDG Base Directory Specification */
export function userCacheFolder(
  name: string,
  { XDG_CACHE_HOME: cache }: Readonly<Record<string, string | undefined>>,
): string {
  return path.join(cache && path.isAbsolute(cache) ? cache : path.join(homedir(), '.cache'), name);
}

/** Whether nobody but the user, and root, can have written a file or into a folder: what is believed without another look has to be so. */
export function isOurs({ uid, mode }: Pick<Stats, 'uid' | 'mode'>): boolean {
  return (uid === userInfo().uid || uid === 0) && (mode & 0o022) === 0;
}
