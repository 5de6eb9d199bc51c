/** Two small texts as a unified diff. The only importer of `diff`, which is loaded when two texts differ. */
import { isUtf8 } from 'node:buffer';

/** Larger files are no reading matter. */
export const MAX_TEXT = 64 * 1024;
/** Lines of a diff that are kept. */
const MAX_LINES = 40;
/** Edits after which two texts count as having nothing in common. */
const MAX_EDITS = 500;

/** The lines of a unified diff with one line around each change, without its head; undefined for what is no text, or has nothing in common. */
export async function diffText(a: Buffer, b: Buffer): Promise<readonly string[] | undefined> {
  if (!isText(a) || !isText(b)) return undefined;
  const { structuredPatch } = await import('diff');
  const options = { context: 1, maxEditLength: MAX_EDITS };
  const patch = structuredPatch('', '', a.toString('utf8'), b.toString('utf8'), '', '', options);
  if (!patch) return undefined;
  const lines = patch.hunks.flatMap((h) => [
    `@@ -${h.oldStart},${h.oldLines} +${h.newStart},${h.newLines} @@`,
    ...h.lines,
  ]);
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines`];
}

function isText(bytes: Buffer): boolean {
  return bytes.length <= MAX_TEXT && !bytes.includes(0) && isUtf8(bytes);
}
