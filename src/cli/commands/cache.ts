/** `wbuild cache ls|du|prune|verify`: what the store holds, and making it smaller or whole. */
import path from 'node:path';
import { BlobStore } from '../../store/blobs.js';
import { pruneStore } from '../../store/prune.js';
import { folderBytes, readUsage, type StoreUsage, shortDigest } from '../../store/usage.js';
import { verifyStore } from '../../store/verify.js';
import type { Digest } from '../../util/digest.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import type { StoreCommand } from '../store-args.js';
import { humanAge, humanSize, table } from '../tables.js';

type Of<K extends StoreCommand['kind']> = Extract<StoreCommand, { readonly kind: K }>;

/** What of a command that only looks is asked for. */
type Looking = { readonly cacheDir: string; readonly json: boolean };

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** What refers to each blob: names of images, and how many layer records. */
function users({ records, images }: StoreUsage): (digest: Digest) => { images: string[]; layers: number } {
  const byLayer = new Map<Digest, number>();
  for (const { record } of records) byLayer.set(record.digest, (byLayer.get(record.digest) ?? 0) + 1);
  const byImage = new Map<Digest, string[]>();
  for (const [name, needed] of images)
    for (const digest of needed) byImage.set(digest, [...(byImage.get(digest) ?? []), name]);
  return (digest) => ({ images: byImage.get(digest) ?? [], layers: byLayer.get(digest) ?? 0 });
}

/** Every blob: size, last use, and what refers to it. */
export async function runCacheLs(command: Looking, io: CommandIo): Promise<ExitCode> {
  const usage = await readUsage(new BlobStore(command.cacheDir));
  const usersOf = users(usage);
  const blobs = [...usage.blobs].sort((a, b) => b.lastUse.getTime() - a.lastUse.getTime() || b.size - a.size);
  if (command.json) {
    io.stdout.write(json(blobs.map((b) => ({ ...b, ...usersOf(b.digest) }))));
    return EXIT.done;
  }
  const rows = blobs.map(({ digest, size, lastUse }) => {
    const { images, layers } = usersOf(digest);
    const by = [...images, ...(layers > 0 ? [`${layers} cached layer${layers > 1 ? 's' : ''}`] : [])].join(', ');
    return [shortDigest(digest), humanSize(size), humanAge(lastUse, Date.now()), by || '-'];
  });
  io.stdout.write(table(['BLOB', 'SIZE', 'LAST USED', 'USED BY'], rows));
  return EXIT.done;
}

/** Totals. */
export async function runCacheDu(command: Looking, io: CommandIo): Promise<ExitCode> {
  const usage = await readUsage(new BlobStore(command.cacheDir));
  const usersOf = users(usage);
  const sum = (which: (u: { images: string[]; layers: number }) => boolean) =>
    usage.blobs.filter((b) => which(usersOf(b.digest))).reduce((bytes, b) => bytes + b.size, 0);
  const area = (name: string) => folderBytes(path.join(command.cacheDir, name));
  const totals = {
    folder: command.cacheDir,
    images: usage.images.size,
    imageBytes: sum((u) => u.images.length > 0),
    cachedLayers: usage.records.filter(({ record }) => usersOf(record.digest).images.length === 0).length,
    cachedBytes: sum((u) => u.images.length === 0 && u.layers > 0),
    unusedBytes: sum((u) => u.images.length === 0 && u.layers === 0),
    recordBytes: (await area('records')) + (await area('explain')) + (await area('pieces')),
    statBytes: await area('stat'),
    temporaryBytes: (await area('tmp')) + (await area('builds')),
  };
  if (command.json) io.stdout.write(json(totals));
  else
    io.stdout.write(
      table(
        ['WHAT', 'COUNT', 'SIZE'],
        [
          ['images', String(totals.images), humanSize(totals.imageBytes)],
          ['cached layers of no image', String(totals.cachedLayers), humanSize(totals.cachedBytes)],
          ['blobs of nothing', '', humanSize(totals.unusedBytes)],
          ['records', '', humanSize(totals.recordBytes)],
          ['digests of files', '', humanSize(totals.statBytes)],
          ['builds under way', '', humanSize(totals.temporaryBytes)],
        ],
      ),
    );
  return EXIT.done;
}

/** Removes what is old or too much, and says what that freed. */
export async function runCachePrune(command: Of<'cache-prune'>, io: CommandIo): Promise<ExitCode> {
  const { all, olderThanMs, maxSize } = command;
  const result = await pruneStore(new BlobStore(command.cacheDir), {
    all,
    ...(olderThanMs !== undefined && { olderThanMs }),
    ...(maxSize !== undefined && { maxSize }),
    now: Date.now(),
  });
  if (command.json) io.stdout.write(json(result));
  else {
    for (const { digest, size } of result.blobs) io.stdout.write(`removed ${digest} (${humanSize(size)})\n`);
    const layers = `${result.records} cached layer${result.records === 1 ? '' : 's'}`;
    io.stdout.write(`freed ${humanSize(result.bytes)}: ${result.blobs.length} blobs, and forgot ${layers}\n`);
  }
  return EXIT.done;
}

/** Checks every blob, removes the damaged ones and says what will be built again. */
export async function runCacheVerify(command: Looking, io: CommandIo): Promise<ExitCode> {
  const result = await verifyStore(new BlobStore(command.cacheDir));
  const held = result.damaged.length === 0 && result.broken.length === 0 && result.forgotten === 0;
  if (command.json) io.stdout.write(json(result));
  else {
    for (const digest of result.damaged) io.stdout.write(`damaged, removed: ${digest}\n`);
    for (const digest of result.unreadable) io.stdout.write(`cannot be read, left alone: ${digest}\n`);
    for (const name of result.broken) io.stdout.write(`incomplete: ${name}; build it again\n`);
    if (result.forgotten > 0)
      io.stdout.write(`${result.forgotten} cached layers are gone; the next build that needs them writes them\n`);
    io.stdout.write(`${result.checked} blobs checked, ${humanSize(result.bytes)}, ${result.damaged.length} damaged\n`);
  }
  return held ? EXIT.done : EXIT.notHeld;
}
