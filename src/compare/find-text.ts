/** Looks for texts in the files of an image, as streams. */
import { readTar } from '../util/read-tar.js';
import { cleanName } from './archive-files.js';
import { unpacked } from './blob-bytes.js';
import type { Difference } from './difference.js';
import type { OpenImage } from './image.js';

/** A `PathInContent` for each file that holds one of the texts: the first that stands in it, and where. */
export async function findText(image: OpenImage, texts: readonly string[]): Promise<Difference[]> {
  const needles = texts.map((text) => Buffer.from(text));
  const found: Difference[] = [];
  if (needles.length === 0) return found;
  for (const [i, layer] of image.layers.entries()) {
    for await (const { path, type, content } of readTar(unpacked(layer.read(), `the layer ${layer.diffID}`))) {
      const hit = type === 'file' ? await search(content, needles) : undefined;
      if (hit)
        found.push({
          code: 'PathInContent',
          layer: i + 1,
          path: cleanName(path),
          a: texts[hit.index]!,
          field: `at byte ${hit.offset}`,
        });
    }
  }
  return found;
}

/** The first place of a needle, which may lie across two chunks. All of the content is read. */
async function search(content: AsyncIterable<Buffer>, needles: readonly Buffer[]) {
  const overlap = Math.max(...needles.map((n) => n.length)) - 1;
  let [tail, before]: [Buffer, number] = [Buffer.alloc(0), 0];
  let hit: { index: number; offset: number } | undefined;
  for await (const chunk of content) {
    if (hit) continue;
    const bytes = Buffer.concat([tail, chunk]);
    for (const [index, needle] of needles.entries()) {
      const at = bytes.indexOf(needle);
      if (at >= 0 && (!hit || before + at < hit.offset)) hit = { index, offset: before + at };
    }
    tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - overlap)));
    before += bytes.length - tail.length;
  }
  return hit;
}
