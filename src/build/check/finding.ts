/** What the rules for the files of an image have in common. */
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import type { Node } from '../../snapshot/file-tree.js';

/** A warning to be. */
export type Finding = Omit<Diagnostic, 'severity'>;

/** A mode as chmod takes it. */
export function modeText({ mode }: Node): string {
  return (mode & 0o7777).toString(8).padStart(3, '0');
}

const MAX_NAMES = 3;

/** The first few names. */
export function listNames(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return names.slice(0, MAX_NAMES).join(', ') + more;
}
