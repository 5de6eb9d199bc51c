/** The command line of `wbuild version`. */
import { BuildError } from '../diagnostic/build-error.js';
import { quote } from '../util/text.js';
import { type OptionTable, tokenize } from './argv.js';
import { usage } from './collect.js';

export interface VersionCommand {
  readonly json: boolean;
}

export const VERSION_TABLE: OptionTable = {
  long: new Map([
    ['json', 'nothing'],
    ['help', 'nothing'],
  ]),
  short: new Map([['h', 'help']]),
};

/** A command line behind `wbuild version`; `help` when that is asked for. @throws BuildError `Usage` */
export function parseVersionArgs(argv: readonly string[]): VersionCommand | 'help' {
  let json = false;
  for (const token of tokenize(argv, VERSION_TABLE)) {
    if (token.kind === 'option' && token.name === 'help') return 'help';
    if (token.kind !== 'option') {
      const what = token.kind === 'operand' ? `no argument, and got ${quote(token.text)}` : `no option ${token.as}`;
      throw new BuildError(usage(`wbuild version takes ${what}`, 'wbuild version --json says more than the version'));
    }
    json = token.value === 'true';
  }
  return { json };
}
