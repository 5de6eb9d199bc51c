/** Why layers were redone, in words. */
import type { BuildResult } from '../build/build-options.js';
import { printable } from '../diagnostic/display.js';
import type { CacheMiss, FieldChange, PathChange } from '../progress/cache-miss.js';
import { unreachable } from '../util/unreachable.js';

/** The text of --explain: each layer that was redone, and why; or that none was. */
export function explanationText({ misses = [], counters }: BuildResult): string {
  const kept = counters.cached + counters.imported;
  const lines = misses.map(({ step, miss }) => `${printable(step)}\n  ${missText(miss)}\n`);
  if (misses.length === 0) return `no layer was redone: ${kept} of ${kept} came from the cache\n`;
  return `${misses.length} of ${kept + counters.built} layers redone:\n\n${lines.join('')}`;
}

/** One reason, in one line. */
export function missText(miss: CacheMiss): string {
  switch (miss.kind) {
    case 'off':
      return '--no-cache: the cache was not asked';
    case 'first-build':
      return 'nothing is remembered of a build of this context, Dockerfile, target and platform';
    case 'instruction':
      return miss.before === undefined
        ? 'the instruction is new'
        : `the instruction changed; it was: ${printable(miss.before)}`;
    case 'option':
      return `${miss.option} changed from ${miss.before || 'none'} to ${miss.after}`;
    case 'files':
      if (!miss.first) return 'files changed; there were too many to remember which';
      return `${changeText(miss.first)}${more(miss.more)}`;
    case 'no-record':
      return 'nothing changed, but the cache has no record of it: it was pruned, or the record was damaged';
    case 'no-blob':
      return 'nothing changed, but its blob in the cache was gone or damaged';
    default:
      return unreachable(miss);
  }
}

function changeText(change: PathChange): string {
  const path = printable(change.path);
  if (change.how !== 'changed') return `${path} was ${change.how}`;
  return `${path}: ${change.fields.map(fieldText).join(', ')}`;
}

function fieldText({ field, before, after }: FieldChange): string {
  if (before === undefined || after === undefined) return `its ${field} changed`;
  return `${field} ${printable(before || 'none')} is now ${printable(after || 'none')}`;
}

function more(count: number): string {
  if (count === 0) return '';
  return count === 1 ? ', and 1 more path differs' : `, and ${count} more paths differ`;
}
