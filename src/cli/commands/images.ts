/** `wbuild images`, `wbuild rmi`, `wbuild tag`: the images of the store, as docker has them. */
import { fail } from '../../diagnostic/build-error.js';
import { suggest } from '../../diagnostic/suggest.js';
import { imagesOf } from '../../oci/image.js';
import { formatPlatform } from '../../oci/platform.js';
import { familiarName, formatReference, parseReference } from '../../oci/reference.js';
import { BlobStore } from '../../store/blobs.js';
import { ImageIndex, type NamedImage } from '../../store/image-index.js';
import { readTarget } from '../../store/stored-image.js';
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
  const index = new ImageIndex(command.cacheDir);
  for (const name of command.names) await findStored(index, name);
  for (const name of command.names) {
    if (await index.untag(name)) io.stdout.write(`untagged ${familiarName(parseReference(name))}\n`);
  }
  return EXIT.done;
}

/** Gives an image one more name. */
export async function runTag(command: Of<'tag'>, _io: CommandIo): Promise<ExitCode> {
  const index = new ImageIndex(command.cacheDir);
  const { descriptor } = await findStored(index, command.source);
  await index.tag([command.target], descriptor);
  return EXIT.done;
}

/** The image of a name as typed, or of the beginning of its manifest digest. @throws BuildError `ImageNotFound`, `InvalidReference` */
export async function findStored(index: ImageIndex, text: string): Promise<NamedImage> {
  const list = await index.list();
  const hex = /^(?:sha256:)?([0-9a-f]{7,64})$/.exec(text)?.[1];
  const byDigest = hex === undefined ? undefined : list.find((i) => i.descriptor.digest.startsWith(`sha256:${hex}`));
  if (byDigest) return byDigest;
  const name = formatReference(parseReference(text));
  const found = list.find((image) => image.name === name);
  if (found) return found;
  const near = suggest(
    name,
    list.map((i) => i.name),
    {},
  );
  return fail({
    code: 'ImageNotFound',
    message: `the store has no image ${quote(text)}`,
    hint: near
      ? `did you mean ${familiarName(parseReference(near))}?`
      : 'wbuild images lists them; wbuild -t NAME . makes one',
  });
}
