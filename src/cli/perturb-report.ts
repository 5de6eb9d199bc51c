/** What a hostile world changed in an image, as text, as JSON, and as Markdown. */

import { type Perturbation, WORLD_NAMES } from '../build/verify/perturb.js';
import { LEVEL_NAMES } from '../compare/levels.js';
import { printable } from '../diagnostic/display.js';
import { causeText, diffJson } from './diff-report.js';
import { causeTable } from './verify-report.js';

export function perturbText(found: Perturbation): string {
  const lines = [
    `built twice: ${printable(found.sides.a.reference)}, and a copy of it in another world`,
    `  (${found.changes.join(', ')})`,
    '',
    ...found.causes.flatMap(causeText),
    verdict(found),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function verdict({ held, causes, diff }: Perturbation): string {
  if (held) return 'held: the image is the same, and nothing of the world is in it';
  const count = `${causes.length} ${causes.length === 1 ? 'thing' : 'things'}`;
  const same =
    diff.agreement === 'archive' ? 'the images are equal' : `the images agree on: ${LEVEL_NAMES[diff.agreement]}`;
  return `NOT held: ${count} of the world leaked into the image; ${same}`;
}

export function perturbJson({ held, changes, sides, diff, causes }: Perturbation): object {
  return { held, changes, ...diffJson({ sides, names: WORLD_NAMES, diff, causes }) };
}

export function perturbSummary(found: Perturbation): string {
  const lines = [
    `### ${found.held ? '✅ held' : '❌ not held'} in a hostile world`,
    '',
    `${verdict(found)}.`,
    '',
    ...causeTable(found.causes),
  ];
  return `${lines.join('\n')}\n`;
}
