/** The command lines of `wbuild diff` and `wbuild inspect`. */
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { defaultStoreFolder } from '../store/open-store.js';
import { quote } from '../util/text.js';
import { type OptionTable, parseBool, type Takes, tokenize } from './argv.js';
import { lacksOption, usage } from './collect.js';
import type { Env } from './io.js';

export interface CompareCommand {
  readonly verb: CompareWord;
  /** One image of inspect, two of diff. */
  readonly images: readonly string[];
  readonly cacheDir: string;
  readonly platform?: string;
  readonly json: boolean;
}

export const COMPARE_WORDS = ['diff', 'inspect'] as const;
export type CompareWord = (typeof COMPARE_WORDS)[number];

export const COMPARE_TABLE: OptionTable = {
  long: new Map<string, Takes>([
    ['json', 'nothing'],
    ['platform', 'value'],
    ['cache-dir', 'value'],
    ['help', 'nothing'],
  ]),
  short: new Map([['h', 'help']]),
};

/**
 * A command line that begins with one of {@link COMPARE_WORDS}; `help` when that is asked for.
 * @throws BuildError `Usage`
 */
export function parseCompareArgs([word, ...argv]: readonly string[], env: Env): CompareCommand | 'help' {
  const verb = word as CompareWord;
  const values = new Map<string, string>();
  const images: string[] = [];
  const wrong: Diagnostic[] = [];
  const hint = `wbuild ${verb} --help shows how it is used`;
  for (const token of tokenize(argv, COMPARE_TABLE)) {
    if (token.kind === 'operand') images.push(token.text);
    else if (token.kind === 'no-value') wrong.push(usage(`${token.as} needs a value`, hint));
    else if (token.kind === 'unknown') wrong.push(lacksOption(token.as, verb, COMPARE_TABLE, hint));
    else values.set(token.name, token.value);
  }
  if (wrong.length > 0) throw new BuildError(wrong);
  const isSet = (name: string) => parseBool(values.get(name) ?? 'false') ?? true;
  if (isSet('help')) return 'help';
  const count = verb === 'diff' ? 2 : 1;
  if (images.length !== count) {
    const given = images.length === 0 ? 'none' : images.map(quote).join(' ');
    throw new BuildError(
      usage(`wbuild ${verb} needs ${count === 1 ? 'an image' : 'two images'}, and got ${given}`, hint),
    );
  }
  const platform = values.get('platform');
  const cacheDir = values.get('cache-dir') ?? defaultStoreFolder(env);
  return { verb, images, cacheDir, json: isSet('json'), ...(platform && { platform }) };
}
