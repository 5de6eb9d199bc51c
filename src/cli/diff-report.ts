/** What a comparison found, as text or as JSON. */
import { digestsOf, type ImageDiff } from '../compare/diff-image.js';
import type { Cause, SideNames } from '../compare/explain.js';
import type { OpenImages } from '../compare/image.js';
import { LEVEL_NAMES, LEVELS, levelOf } from '../compare/levels.js';
import { printable } from '../diagnostic/display.js';
import { formatPlatform } from '../oci/platform.js';

export interface DiffReport {
  readonly sides: { readonly a: OpenImages; readonly b: OpenImages };
  readonly names: SideNames;
  readonly diff: ImageDiff;
  readonly causes: readonly Cause[];
}

/** Causes printed as text; JSON has them all. */
const MAX_CAUSES = 30;
/** Differences in JSON; `omitted` counts the others. */
const MAX_DIFFERENCES = 10_000;

/** Both images, the levels, and a line for each cause with its mend below. */
export function diffText(report: DiffReport): string {
  const { sides, names, diff, causes } = report;
  const width = Math.max(names.a.length, names.b.length) + 2;
  const lines = [
    `${names.a.padEnd(width)}${sideText(sides.a)}`,
    `${names.b.padEnd(width)}${sideText(sides.b)}`,
    '',
    ...causes.slice(0, MAX_CAUSES).flatMap(causeText),
    ...(causes.length > MAX_CAUSES ? [`… and ${causes.length - MAX_CAUSES} more causes; --json has all`, ''] : []),
    ...levelLines(diff),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** A cause as a paragraph. */
export function causeText({ code, message, hint, detail = [] }: Cause): string[] {
  return [`${code}: ${message}`, ...detail.map((line) => `    ${line}`), `  → ${hint}`, ''];
}

/** What is equal and what is not, from the bytes of the archive down. */
export function levelLines(diff: ImageDiff): string[] {
  const shown = LEVELS.flatMap((level) => {
    const holds = levelOf(diff.levels, level);
    return holds === undefined ? [] : [`${holds ? 'same ' : 'other'}  ${LEVEL_NAMES[level]}`];
  });
  const verdict =
    diff.agreement === 'none'
      ? 'the images have nothing in common'
      : `the images agree on: ${LEVEL_NAMES[diff.agreement]}`;
  return [...shown, '', diff.differences.length === 0 ? `no difference; ${verdict}` : verdict];
}

/** One image in a line. */
export function sideText({ reference, form, images, others }: OpenImages): string {
  const each = images.map((image) => {
    const { manifest, config } = digestsOf(image);
    return `${formatPlatform(image.platform)} ${manifest ? `manifest ${manifest}` : `image ID ${config}`}`;
  });
  const more = others > 0 ? `, ${others} attestation${others > 1 ? 's' : ''} left out` : '';
  return `${printable(reference)} (${form}): ${printable(each.join(', '))}${more}`;
}

/** The same for programs. */
export function diffJson({ sides, diff, causes }: DiffReport): object {
  const { identical, agreement, levels, differences } = diff;
  return {
    identical,
    agreement,
    levels: Object.fromEntries(LEVELS.map((level) => [level, levelOf(levels, level) ?? null])),
    a: sideJson(sides.a),
    b: sideJson(sides.b),
    causes,
    differences: differences.slice(0, MAX_DIFFERENCES),
    omitted: Math.max(0, differences.length - MAX_DIFFERENCES),
  };
}

function sideJson({ reference, form, images, archive }: OpenImages): object {
  return {
    reference,
    form,
    ...(archive && { archive: archive.digest }),
    images: images.map((image) => ({ platform: formatPlatform(image.platform), ...digestsOf(image) })),
  };
}
