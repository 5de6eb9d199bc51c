/** `wbuild images`, `wbuild rmi`, `wbuild tag`: the images of the store, as docker has them. */
import { fail } from '../../diagnostic/build-error.js';
import { imagesOf } from '../../oci/image.js';
import { formatPlatform } from '../../oci/platform.js';
import { familiarName, formatReference, parseReference } from '../../oci/reference.js';
import { BlobStore } from '../../store/blobs.js';
import { ImageIndex, type NamedImage, nearestName } from '../../store/image-index.js';
import { namesOfDigest, readTarget } from '../../store/stored-image.js';
import { shortDigest } from '../../store/usage.js';
import { quote } from '../../util/text.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import type { StoreCommand } from '../store-args.js';
import { humanSize, table } from '../tables.js';

type Of<K extends StoreCommand['kind']> = Extract<StoreCommand, { readonly kind: K }>;

/** A table like docker's, or JSON. */
export async function runImages(command: { cacheDir: string; json: boolean }, io: CommandIo): Promise<ExitCode> {
  const store = new BlobStore(command.cacheDir);
  const rows = [];
  for (const { name, descriptor } of await new ImageIndex(store.folder).list()) {
    const target = await readTarget(store, descriptor).catch(() => undefined);
    const images = target ? imagesOf(target) : [];
    const layers = new Map(images.flatMap((i) => i.layers.map((l) => [l.descriptor.digest, l.descriptor.size])));
    const size = target && [...layers.values()].reduce((bytes, layer) => bytes + layer, 0);
    const known = target ? images.map((image) => image.platform) : descriptor.platform ? [descriptor.platform] : [];
    const platform = known.map(formatPlatform).join(',') || '?';
    // Docker's ID of an image is its config; of several platforms, the index
    const id = target && ('images' in target ? descriptor.digest : target.config.descriptor.digest);
    rows.push({ name, id, digest: descriptor.digest, platform, size });
  }
  if (command.json) io.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else
    io.stdout.write(
      table(
        ['REPOSITORY', 'TAG', 'IMAGE ID', 'PLATFORM', 'SIZE'],
        rows.map(({ name, id, platform, size }) => {
          const { tag, digest, ...rest } = parseReference(name);
          const repository = familiarName({ ...rest, tag: 'x' }).replace(/:x$/, '');
          const shown = id === undefined ? 'damaged' : shortDigest(id);
          return [repository, tag ?? '<none>', shown, platform, size === undefined ? '?' : humanSize(size)];
        }),
      ),
    );
  return EXIT.done;
}

/** Takes names away; what they named stays until it is pruned. */
export async function runRmi(command: Of<'rmi'>, io: CommandIo): Promise<ExitCode> {
  const store = new BlobStore(command.cacheDir);
  const names: string[] = [];
  for (const text of command.names) names.push(await onlyName(store, text));
  for (const name of names) {
    if (await new ImageIndex(store.folder).untag(name))
      io.stdout.write(`untagged ${familiarName(parseReference(name))}\n`);
  }
  return EXIT.done;
}

/** The name to take away; an ID says it where the image has no other. @throws BuildError `ImageNotFound`, `InvalidReference` */
async function onlyName(store: BlobStore, text: string): Promise<string> {
  const [first, ...more] = await namesOfDigest(store, text);
  if (!first) return (await findStored(store, text)).name;
  if (more.length === 0) return first.name;
  const names = [first, ...more].map(({ name }) => familiarName(parseReference(name)));
  const message = `${text} has several names: ${names.join(', ')}`;
  return fail({ code: 'InvalidReference', message, hint: 'say which of them to take away' });
}

/** Gives an image one more name. */
export async function runTag(command: Of<'tag'>, _io: CommandIo): Promise<ExitCode> {
  const store = new BlobStore(command.cacheDir);
  const { descriptor } = await findStored(store, command.source);
  await new ImageIndex(store.folder).tag([command.target], descriptor);
  return EXIT.done;
}

/** The image of a name or an ID as typed. @throws BuildError `ImageNotFound`, `InvalidReference` */
export async function findStored(store: BlobStore, text: string): Promise<NamedImage> {
  const [byDigest] = await namesOfDigest(store, text);
  if (byDigest) return byDigest;
  const list = await new ImageIndex(store.folder).list();
  const name = formatReference(parseReference(text));
  const found = list.find((image) => image.name === name);
  if (found) return found;
  const near = nearestName(familiarName(parseReference(text)), list);
  return fail({
    code: 'ImageNotFound',
    message: `the store has no image ${quote(text)}`,
    hint: near ? `did you mean ${near}?` : 'wbuild images lists them; wbuild -t NAME . makes one',
  });
}
