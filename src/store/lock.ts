import { readlinkSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, fail } from '../diagnostic/build-error.js';
import { quietly } from '../util/atomic-write.js';
import { sha256 } from '../util/digest.js';
import { monotonicMs } from '../util/monotonic.js';

/** Whoever holds the lock does something that takes milliseconds: one that is older was left by a process that died. */
const STALE_MS = 10_000;
const WAIT_MS = 30_000;

/** Who we are, so that another process on this machine can tell whether we live: `<process>-<machine>`. Pids mean nothing across namespaces. */
export function processName(): string {
  const pid = link('/proc/self') ?? '0';
  return `${pid}-${sha256(`${hostname()}\n${link('/proc/self/ns/pid')}\n${link('/proc/self/ns/uts')}`).slice(7, 15)}`;
}

/** Whether the process of a name is at work: undefined where that cannot be told. */
export function isAlive(name: string): boolean | undefined {
  const [, pid, machine] = /^(\d+)-([0-9a-f]{8})$/.exec(name) ?? [];
  const own = processName();
  if (pid === undefined || pid === '0' || own.startsWith('0-') || machine !== own.split('-')[1]) return undefined;
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined;
}

function link(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined; // no Linux
  }
}

/** A lock that is held. */
export interface Lock {
  /**
   * To be called right before what must not happen twice, with nothing asynchronous between.
   * @throws LockLost when somebody took the lock for one of a process that died; {@link withLock} begins anew then
   */
  check(): void;
}

class LockLost extends Error {}

/**
 * Runs `work` while no other process does under the same name.
 *
 * The lock is a file, which only one can make. It is held by its inode, kept open: whoever finds it stale (its process is dead, or it is too
 * old by any clock) moves it away, and a holder that was only slow sees at its next {@link Lock.check} that the name leads to another inode.
 * @throws BuildError `StoreNotWritable` when the lock cannot be had in half a minute
 */
export async function withLock<T>(file: string, work: (lock: Lock) => Promise<T>): Promise<T> {
  const deadline = monotonicMs() + WAIT_MS;
  for (;;) {
    const handle = await acquire(file, deadline);
    try {
      const { ino, dev } = await handle.stat({ bigint: true });
      const held = () => {
        const now = statSync(file, { bigint: true, throwIfNoEntry: false });
        return now?.ino === ino && now.dev === dev;
      };
      try {
        return await work({
          check: () => {
            if (!held()) throw new LockLost('the lock was taken away');
          },
        });
      } finally {
        if (held()) quietly(() => rmSync(file, { force: true }));
      }
    } catch (error) {
      if (!(error instanceof LockLost) || monotonicMs() > deadline) throw error;
    } finally {
      await handle.close();
    }
  }
}

async function acquire(file: string, deadline: number): Promise<FileHandle> {
  for (;;) {
    try {
      const handle = await open(file, 'wx', 0o644);
      await handle.writeFile(processName()).catch(() => undefined); // a full disk is no reason: age tells as well
      return handle;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    if (await isStale(file)) {
      const aside = `${file}.${processName()}`;
      quietly(() => {
        renameSync(file, aside);
        rmSync(aside, { recursive: true, force: true });
      });
    } else await sleep(5 + Math.random() * 20);
    if (monotonicMs() > deadline) {
      fail({
        code: 'StoreNotWritable',
        message: `the store is locked: ${file}`,
        hint: 'remove that file if no wbuild runs',
      });
    }
  }
}

async function isStale(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (!found) return false;
  if (Math.abs(Date.now() - found.mtimeMs) > STALE_MS) return true;
  const owner = await readFile(file, 'latin1').catch(() => '');
  return isAlive(owner) === false;
}
