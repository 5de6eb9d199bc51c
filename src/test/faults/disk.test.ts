/** Disks that are full or read-only, clocks that were set, and stores of a newer version: the output is right or as it was, and there is one warning. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { BuildError } from '../../diagnostic/build-error.js';
import { BlobStore } from '../../store/blobs.js';
import { ImageIndex } from '../../store/image-index.js';
import { pruneStore } from '../../store/prune.js';
import { verifyStore } from '../../store/verify.js';
import { listFiles } from '../rig.js';
import { buildHere, damageIn, freshBytes, useCounts, useFolder, writeContext } from './workload.js';

const folder = useFolder();
const count = useCounts('disks, clocks and versions');
const context = () => folder.at('ctx');
let right: Buffer;

beforeAll(async () => {
  writeContext(context(), 1, 60_000);
  right = await freshBytes(context(), folder.at());
});

jest.setTimeout(300_000);

describe('a small disk (a tmpfs; needs root)', () => {
  const disk = () => folder.at('disk');
  const mount = (...args: string[]) => {
    const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  beforeAll(() => fs.mkdirSync(disk()));
  const umount = () => {
    spawnSync('umount', [disk()]);
  };
  afterEach(umount);
  afterAll(umount);
  const tmpfs = (kib: number) => mount('-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', disk());

  test('a store on a disk that gets full at every size costs one warning, and not the output', async () => {
    for (let kib = 4; kib <= 176; kib += 4) {
      tmpfs(kib);
      for (const round of ['first', 'second']) {
        const { bytes, warnings } = await buildHere(context(), path.join(disk(), 'store'));
        expect({ kib, round, right: bytes.equals(right) }).toEqual({ kib, round, right: true });
        expect(warnings.filter((w) => w.code !== 'StoreNotWritable' || w.severity !== 'warning')).toEqual([]);
        expect({ kib, warnings: warnings.length <= 1 }).toEqual({ kib, warnings: true });
        count(
          warnings.length > 0
            ? 'builds with a store on a full disk'
            : 'builds with a store on a disk just large enough',
        );
      }
      const store = path.join(disk(), 'store');
      expect({
        kib,
        damage: (await damageIn(store)).filter((d) => typeof d !== 'string' || d.startsWith('sha256:')),
      }).toEqual({ kib, damage: [] });
      const left = listFiles(store).filter((f) => /^(tmp|builds)\/./.test(f));
      expect({ kib, left }).toEqual({ kib, left: [] });
      umount();
    }
  });

  test('an output on a full disk is an error that says so; the one before stays, and nothing else is left', async () => {
    for (let kib = 8; kib <= 96; kib += 8) {
      tmpfs(kib);
      const out = path.join(disk(), 'out.tar');
      fs.writeFileSync(out, 'the output of yesterday');
      const error = await buildHere(context(), folder.at('store-of-output'), { out }).then(
        () => undefined,
        (e) => e,
      );
      if (error) {
        expect(error).toBeInstanceOf(BuildError);
        expect((error as BuildError).diagnostics[0]).toMatchObject({
          code: 'OutputNotWritable',
          message: expect.stringContaining('no space left'),
        });
        expect(fs.readFileSync(out, 'utf8')).toBe('the output of yesterday');
      } else expect(fs.readFileSync(out).equals(right)).toBe(true);
      expect(fs.readdirSync(disk())).toEqual(['out.tar']);
      count(error ? 'outputs on a full disk' : 'outputs on a disk just large enough');
      umount();
    }
  });

  test.each(['an empty store', 'a store with everything'])(
    '%s that is read-only: one warning, the right output',
    async (which) => {
      tmpfs(4096);
      const store = path.join(disk(), 'store');
      if (which !== 'an empty store') await buildHere(context(), store);
      const before = listFiles(disk());
      mount('-o', 'remount,ro', disk());
      const { bytes, warnings } = await buildHere(context(), store);
      expect(bytes.equals(right)).toBe(true);
      expect(warnings.map((w) => `${w.severity} ${w.code}`)).toEqual(['warning StoreNotWritable']);
      expect(warnings[0]!.message).toContain('the build goes on without its cache');
      expect(listFiles(disk())).toEqual(before);
      count('builds with a read-only store');
    },
  );

  test('a store that becomes read-only during the build: one warning, the right output', async () => {
    for (let nth = 1; nth <= 24; nth += 2) {
      tmpfs(4096);
      let steps = 0;
      const onStep = () => {
        if (++steps === nth) mount('-o', 'remount,ro', disk());
      };
      // an open file keeps a file system from becoming read-only: then this is a build like any other
      const guarded = () => {
        try {
          onStep();
        } catch {
          count('remounts refused');
        }
      };
      const { bytes, warnings } = await buildHere(context(), path.join(disk(), 'store'), {
        internals: { onStep: guarded },
      });
      expect({ nth, right: bytes.equals(right), few: warnings.length <= 2 }).toEqual({ nth, right: true, few: true });
      expect(warnings.filter((w) => w.code !== 'StoreNotWritable')).toEqual([]);
      count('builds whose store became read-only');
      umount();
    }
  });
});

describe('a clock that was set', () => {
  const DAY = 86_400_000;
  const at = (ms: number) => ({ internals: { clock: () => BigInt(Math.round(Date.now() + ms)) * 1_000_000n } });

  test('back or forward costs hashing at most, and hides no change', async () => {
    const store = folder.at('clock-store');
    const own = folder.at('clock-ctx');
    for (const [i, shift] of [0, -365 * DAY, 10_000, 3650 * DAY, -1, -10_000 * DAY, DAY].entries()) {
      writeContext(own, 2 * i, 5000);
      const one = await buildHere(own, store, at(shift));
      const two = await buildHere(own, store, at(-shift));
      const fresh = await freshBytes(own, folder.at());
      expect({ shift, right: one.bytes.equals(fresh) && two.bytes.equals(fresh) }).toEqual({ shift, right: true });
      expect(two.result.counters).toMatchObject({ built: 0, cached: 3 });
      // the same size, and the old mtime put back: only ctime tells
      const file = path.join(own, 'app/page-0.html');
      const { mtime } = fs.statSync(file);
      fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll('page', 'PAGE'));
      fs.utimesSync(file, mtime, mtime);
      const three = await buildHere(own, store, at(shift));
      expect(three.bytes.equals(await freshBytes(own, folder.at()))).toBe(true);
      expect(three.result.counters.built).toBe(1);
      count('builds by a wrong clock', 3);
    }
  });

  test('prunes nothing that a build needs, and everything in the end', async () => {
    const store = new BlobStore(folder.at('clock-store'));
    const before = listFiles(path.join(store.folder, 'blobs')).length;
    await pruneStore(store, { now: Date.now() - 365 * DAY });
    await pruneStore(store, { now: Date.now() + 365 * DAY, all: true });
    expect(listFiles(path.join(store.folder, 'blobs')).length).toBeLessThan(before);
    expect(await damageIn(store.folder)).toEqual([]); // named images stay whole
    count('prunes by a wrong clock', 2);
  });
});

describe('a store that a newer version wrote', () => {
  const NEWER: Readonly<Record<string, readonly [file: string, text: string]>> = {
    'the index': ['index.json', '{"schemaVersion":3,"manifests":{"docker.io/me/app:latest":"sha256:00"}}'],
    'the media type of the index': [
      'index.json',
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v2+json","manifests":[]}',
    ],
    'the layout': ['oci-layout', '{"imageLayoutVersion":"2.0.0"}'],
  };

  test.each(Object.keys(NEWER))('%s is refused, and not destroyed', async (what) => {
    const store = folder.at(`newer-${what.replaceAll(' ', '-')}`);
    await buildHere(context(), store);
    const [file, text] = NEWER[what]!;
    fs.writeFileSync(path.join(store, file), text);
    const before = new Map(
      listFiles(store)
        .filter((f) => !f.endsWith('/'))
        .map((f) => [f, fs.readFileSync(path.join(store, f))]),
    );
    const { bytes, warnings } = await buildHere(context(), store);
    expect(bytes.equals(right)).toBe(true);
    expect(warnings.map((w) => `${w.severity} ${w.code}`)).toEqual(['warning StoreNotWritable']);
    const refused = async (work: Promise<unknown>) =>
      expect(
        await work.then(
          () => 'done',
          (e) => (e as BuildError).diagnostics[0]?.code,
        ),
      ).toBe('StoreNotWritable');
    const blobs = new BlobStore(store);
    for (const all of [true, false])
      await refused(pruneStore(blobs, { all, olderThanMs: 0, maxSize: 0, now: Date.now() }));
    await refused(verifyStore(blobs));
    if (file === 'index.json') await refused(new ImageIndex(store).untag('docker.io/me/app:latest'));
    for (const [name, was] of before)
      expect({ name, same: fs.readFileSync(path.join(store, name)).equals(was) }).toEqual({ name, same: true });
    count('newer formats');
  });

  test('records, digests and memories of another version are neither read nor harmed', async () => {
    const store = folder.at('newer-records');
    await buildHere(context(), store);
    for (const area of ['records', 'stat', 'explain']) {
      const [version] = fs.readdirSync(path.join(store, area));
      fs.renameSync(path.join(store, area, version!), path.join(store, area, 'v9'));
      fs.writeFileSync(path.join(store, area, 'v9', 'mine'), 'precious');
    }
    const { bytes, result } = await buildHere(context(), store);
    expect(bytes.equals(right)).toBe(true);
    expect(result.counters.built).toBe(3);
    await pruneStore(new BlobStore(store), { all: true, now: Date.now() });
    for (const area of ['records', 'stat', 'explain'])
      expect(fs.readFileSync(path.join(store, area, 'v9', 'mine'), 'utf8')).toBe('precious');
    count('newer formats', 3);
  });
});
