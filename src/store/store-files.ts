/**
 * How small files get into a store: by way of its tmp/, so that what a killed process leaves lies in one place that pruning knows,
 * and never beside files that are listed.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../diagnostic/build-error.js';
import { type OnStep, writeSmallFile } from '../util/atomic-write.js';

/** What everything that writes into a store takes: the seam that lets tests fail or die at a step. */
export interface StoreWriteOptions {
  readonly onStep?: OnStep | undefined;
}

/** A fresh name in tmp/ of a store. */
export function temporaryIn(store: string): string {
  return path.join(store, 'tmp', randomBytes(8).toString('hex'));
}

/** Names that {@link temporaryIn} gives. */
export const TEMPORARY_NAME = /^[0-9a-f]{16}$/;

/**
 * Writes a small file of the store, whole or not at all, and makes the folders that it lies in. Its bytes are on the disk before it has its
 * name, so that a power cut leaves the old one or the new one.
 * @throws the system error of the step that failed; nothing stays then
 */
export async function writeStoreFile(
  store: string,
  target: string,
  bytes: Uint8Array,
  { onStep, mode = 0o644 }: StoreWriteOptions & { readonly mode?: number } = {},
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    mkdirSync(path.join(store, 'tmp'), { recursive: true });
    mkdirSync(path.dirname(target), { recursive: true });
    makeWay(target);
    try {
      await writeSmallFile(temporaryIn(store), target, bytes, { mode, ...(onStep && { onStep }) });
      return;
    } catch (error) {
      // pruning removes folders that are empty: ours may have been one
      if (errnoOf(error) !== 'ENOENT' || attempt > 2) throw error;
    }
  }
}

/** Removes a folder that stands where a file of the store belongs: nothing can be renamed over it. */
export function makeWay(target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) rmSync(target, { recursive: true, force: true });
}

/** Removes the files of a folder that were not written for the longest time, when there are more than `count`. */
export function keepNewest(folder: string, count: number): void {
  const names = readdirSync(folder);
  if (names.length <= count) return;
  const aged: { readonly file: string; readonly mtime: number }[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile()) aged.push({ file, mtime: found.mtimeMs });
  }
  aged.sort((a, b) => b.mtime - a.mtime || (a.file < b.file ? -1 : 1));
  for (const { file } of aged.slice(count)) rmSync(file, { force: true });
}
