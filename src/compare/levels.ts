/** How far down two images have to be looked at until they are equal. */
import type { CauseCode } from './causes.js';
import type { Difference } from './difference.js';
import type { OpenLayer } from './image.js';
import { listLayer } from './layer-listing.js';

/** From the top: equal archives hold equal manifests, and so on. */
export const LEVELS = ['archive', 'manifest', 'config', 'diff-ids', 'contents'] as const;
export type Level = (typeof LEVELS)[number];
export type Agreement = Level | 'none';

/** What each level means, in words. */
export const LEVEL_NAMES: Readonly<Record<Agreement, string>> = {
  archive: 'bytes of the archive',
  manifest: 'manifest',
  config: 'config (image ID)',
  'diff-ids': 'diff IDs',
  contents: 'file contents',
  none: 'nothing',
};

/** Whether two images are equal on each level; undefined where one of them lacks the level. */
export interface Levels {
  readonly archive?: boolean;
  readonly manifest?: boolean;
  readonly config: boolean;
  /** The uncompressed layers. */
  readonly diffIDs: boolean;
  /** The files that the image has when it runs: names, types, link targets and bytes, whatever their modes, owners and times. */
  readonly contents: boolean;
}

/** The uppermost level that holds. */
export function agreementOf(levels: Levels): Agreement {
  return LEVELS.find((level) => levelOf(levels, level)) ?? 'none';
}

/** Whether a level holds; undefined where an image lacks it. */
export function levelOf(levels: Levels, level: Level): boolean | undefined {
  return level === 'diff-ids' ? levels.diffIDs : levels[level];
}

/** Differences of layers that leave the files that a program reads as they are. */
const METADATA: readonly CauseCode[] = ['FileMode', 'FileOwner', 'FileTime', 'EntryOrder', 'PaxRecord', 'TarHeader'];

/** Whether two images have the same files; `differences` are those of layers that stand in pairs. */
export async function contentsAgree(
  a: readonly OpenLayer[],
  b: readonly OpenLayer[],
  differences: readonly Difference[],
): Promise<boolean> {
  const ofLayers = differences.filter((d) => d.layer !== undefined && d.field?.startsWith('layers[') !== true);
  if (ofLayers.every((d) => METADATA.includes(d.code)) && a.length === b.length) return true;
  if (a.length === b.length && a.length === 1) return false;
  const [x, y] = [await mergedFiles(a), await mergedFiles(b)];
  return x.size === y.size && [...x].every(([name, what]) => y.get(name) === what);
}

/**
 * The files of an image by name: type with content digest or link target.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
 */
async function mergedFiles(layers: readonly OpenLayer[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const removeBelow = (name: string) => {
    for (const key of [...files.keys()]) if (key.startsWith(`${name}/`)) files.delete(key);
  };
  for (const layer of layers) {
    const { entries } = await listLayer(layer, `the layer ${layer.diffID}`);
    const contents = new Map<string, string>();
    for (const { name, type, digest, linkname } of entries) {
      const slash = name.lastIndexOf('/') + 1;
      const [folder, base] = [name.slice(0, slash), name.slice(slash)];
      if (base === '.wh..wh..opq') removeBelow(folder.slice(0, -1));
      else if (base.startsWith('.wh.')) {
        files.delete(folder + base.slice(4));
        removeBelow(folder + base.slice(4));
      } else {
        // a hard link is the file that it leads to
        const what =
          type === 'link'
            ? (contents.get(linkname ?? '') ?? `link ${linkname}`)
            : `${type} ${digest ?? linkname ?? ''}`;
        if (type !== 'directory' && files.get(name)?.startsWith('directory')) removeBelow(name);
        files.set(name, what);
        contents.set(name, what);
      }
    }
  }
  return files;
}
