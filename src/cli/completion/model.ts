/** What the completion of every shell is made of: commands and options with their words, values and descriptions. */
import { COMMAND_LINES, FIRST_WORDS, type Kind, valueKind } from '../command-table.js';
import { helpText } from '../commands/help.js';
import { type HelpDocument, optionRow, parseHelp, summaryOf } from '../help-document.js';

export interface ModelOption {
  readonly long: string;
  readonly short?: string;
  readonly summary: string;
  /** undefined where the option stands alone. */
  readonly value?: Kind;
  readonly repeated: boolean;
}

export interface ModelCommand {
  /** `build`, `cache prune`. */
  readonly words: string;
  readonly summary: string;
  readonly options: readonly ModelOption[];
  readonly operand: Kind;
}

export interface CompletionModel {
  /** What may be the first word, with what it does. */
  readonly first: readonly (readonly [word: string, summary: string])[];
  readonly commands: readonly ModelCommand[];
}

/** Everything there is to complete. */
export function completionModel(): CompletionModel {
  const commands = COMMAND_LINES.map(({ words, topic, table, operand }): ModelCommand => {
    const help = parseHelp(helpText(topic));
    const shortOf = new Map([...table.short].map(([letter, name]) => [name, letter]));
    const options = [...table.long].map(([long, takes]): ModelOption => {
      const row = optionRow(help, long) ?? optionRow(BUILD_HELP, long);
      const short = shortOf.get(long);
      return {
        long,
        ...(short !== undefined && { short }),
        summary: long === 'help' ? 'how it is used' : shorten(row?.text ?? ''),
        ...(takes === 'value' && { value: valueKind(words, long) }),
        repeated: /may be repeated/.test(row?.text ?? ''),
      };
    });
    return { words, summary: summaryOf(help, words.split(' ').at(-1)!), options, operand };
  });
  const first = FIRST_WORDS.map((word): [string, string] => {
    const command = commands.find(({ words }) => words === word);
    if (word === 'help') return [word, 'how a command is used'];
    return [word, command?.summary ?? summaryOf(parseHelp(helpText(word as 'cache' | 'builder')), '')];
  });
  return { first, commands: [...commands, { ...HELP_COMMAND, operand: { kind: 'choice', choices: FIRST_WORDS } }] };
}

const BUILD_HELP: HelpDocument = parseHelp(helpText('wbuild'));
const HELP_COMMAND = { words: 'help', summary: 'how a command is used', options: [] };

/** Up to the first half-sentence: a list has a line for each. */
function shorten(text: string): string {
  return text.replace(/(?:;| \(default|, or | {2}|: ).*$/, '');
}

/** The words behind `cache` and its like. */
export function verbsOf({ commands }: CompletionModel): ReadonlyMap<string, readonly ModelCommand[]> {
  const groups = new Map<string, ModelCommand[]>();
  for (const command of commands) {
    const [word, verb] = command.words.split(' ');
    if (verb !== undefined) groups.set(word!, [...(groups.get(word!) ?? []), command]);
  }
  return groups;
}
