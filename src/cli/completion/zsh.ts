/** `wbuild completion zsh`: a function for compinit, which also works when it is sourced. */
import type { Kind } from '../command-table.js';
import { type CompletionModel, type ModelCommand, type ModelOption, verbsOf } from './model.js';

/** The script. */
export function zshCompletion(model: CompletionModel): string {
  const groups = verbsOf(model);
  const described = (list: readonly (readonly [string, string])[]) =>
    list.map(([word, summary]) => `    ${quoted(`${word}:${summary}`)}`).join('\n');
  const plain = model.commands.filter(({ words }) => !words.includes(' '));
  return `#compdef wbuild
# zsh completion for wbuild, made by: wbuild completion zsh

_wbuild() {
  local curcontext=$curcontext
  local -a list
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    list=(
${described(model.first)}
    )
    _describe -t commands command list
    _files -/
    return
  fi
  case $words[2] in
${plain.map(({ words }) => `    ${words}) shift words; (( CURRENT-- )); ${functionOf(words)} ;;`).join('\n')}
${[...groups]
  .map(
    ([word, verbs]) => `    ${word})
      if (( CURRENT == 3 )); then
        list=(
${described(verbs.map(({ words, summary }) => [words.split(' ')[1]!, summary]))}
        )
        _describe -t commands ${quoted(`${word} command`)} list
        return
      fi
      shift 2 words; (( CURRENT -= 2 ))
      case $words[1] in
${verbs.map(({ words }) => `        ${words.split(' ')[1]}) ${functionOf(words)} ;;`).join('\n')}
      esac
      ;;`,
  )
  .join('\n')}
    *) ${functionOf('build')} ;;
  esac
}

${model.commands.map(commandFunction).join('\n')}
if [[ $funcstack[1] == _wbuild ]]; then
  _wbuild "$@"
else
  compdef _wbuild wbuild
fi
`;
}

const functionOf = (words: string) => `_wbuild_${words.replace(' ', '_')}`;

function commandFunction({ words, options, operand }: ModelCommand): string {
  // an operand that nothing is known of is left out: with it zsh would list options and not insert them
  const known = operand.kind === 'text' ? [] : [quoted(`*:${operandName(operand)}:${action(operand)}`)];
  const operands = words === 'run' ? ["'1:image:_files'", "'*:: :_default'"] : known;
  const lines = [...options.map(optionSpec), ...operands];
  return `${functionOf(words)}() {
  _arguments -s -S \\
${lines.map((line) => `    ${line}`).join(' \\\n')}
}
`;
}

const operandName = (kind: Kind) => (kind.kind === 'folder' ? 'context' : kind.kind === 'choice' ? 'word' : 'image');

function optionSpec({ long, short, summary, value, repeated }: ModelOption): string {
  const text = `[${summary.replace(/[[\]\\]/g, '\\$&')}]${value ? `:value:${action(value)}` : ''}`;
  const names = [...(short ? [`-${short}${value ? '+' : ''}`] : []), `--${long}${value ? '=' : ''}`];
  if (repeated) return names.length === 1 ? quoted(`*${names[0]}${text}`) : `'*'{${names.join(',')}}${quoted(text)}`;
  if (names.length === 1) return quoted(`${names[0]}${text}`);
  return `'(-${short} --${long})'{${names.join(',')}}${quoted(text)}`;
}

function action(kind: Kind): string {
  if (kind.kind === 'choice') return `(${kind.choices.join(' ')})`;
  return kind.kind === 'folder' ? '_files -/' : kind.kind === 'file' ? '_files' : ' ';
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
