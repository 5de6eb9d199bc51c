/**
 * Archives of `docker save`. The old form (before Docker 25) has a config, a tar for each layer and manifest.json; the new one is an OCI layout
 * as well, and is read as that.
 * @see https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
 */
import type { NamedFiles } from './archive-files.js';
import { gather, invalidImage, parseJson } from './blob-bytes.js';
import type { OpenImage } from './image.js';
import { isNamed, layerSteps, looseConfig, platformOf, type Wanted } from './manifests.js';

interface SavedImage {
  readonly Config?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers?: readonly string[] | null;
}

/** The image of an archive in the old form. @throws BuildError `InvalidImage` */
export async function readSavedImage(files: NamedFiles, wanted: Wanted, label: string): Promise<OpenImage> {
  const list = parseJson<readonly SavedImage[]>(await gather(files.read('manifest.json'), label), 'manifest.json');
  const saved = choose(list, wanted, label);
  const configFile = saved.Config ?? '';
  if (!files.has(configFile)) invalidImage(`${label} lacks the config ${configFile}, which its manifest.json names`);
  const config = looseConfig(await gather(files.read(configFile), label), configFile);
  const diffIDs = config.json.rootfs?.diff_ids ?? [];
  const names = saved.Layers ?? [];
  if (names.length !== diffIDs.length)
    invalidImage(`${label} has ${names.length} layers, and its config speaks of ${diffIDs.length}`);
  const steps = layerSteps(config.json);
  const layers = names.map((name, i) => {
    if (!files.has(name)) invalidImage(`${label} lacks the layer ${name}, which its manifest.json names`);
    return { diffID: diffIDs[i]!, ...steps[i], read: () => files.read(name) };
  });
  return { form: 'docker-archive', platform: platformOf(config.json), config, layers };
}

function choose(list: readonly SavedImage[], { tag }: Wanted, label: string): SavedImage {
  const found = tag === undefined ? list : list.filter(({ RepoTags }) => RepoTags?.some((name) => isNamed(name, tag)));
  const [first, ...more] = found;
  const tags = list.flatMap(({ RepoTags }) => RepoTags ?? []);
  const hint = tags.length > 0 ? `it has ${tags.join(', ')}; name one with :tag` : 'save one image';
  if (first === undefined) return invalidImage(`${label} has no image ${tag ?? ''}`, undefined, hint);
  if (more.length > 0) invalidImage(`${label} has several images`, undefined, hint);
  return first;
}
