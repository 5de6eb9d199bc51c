/** `wbuild completion fish`. */
import type { Kind } from '../command-table.js';
import { type CompletionModel, type ModelCommand, verbsOf } from './model.js';

/** The script. */
export function fishCompletion(model: CompletionModel): string {
  const first = model.first.map(
    ([word, summary]) => `complete -c wbuild -n __wbuild_first -a ${word} -d ${quoted(summary)}`,
  );
  const verbs = [...verbsOf(model)].flatMap(([group, list]) =>
    list.map(({ words, summary }) => {
      return `complete -c wbuild -f -n '__wbuild_verb ${group}' -a ${words.split(' ')[1]} -d ${quoted(summary)}`;
    }),
  );
  const words = model.first.map(([word]) => word).join(' ');
  return `# fish completion for wbuild, made by: wbuild completion fish

# whether the first word is still to come
function __wbuild_first
  test (count (commandline -opc)) -eq 1
end

# whether the word behind that of a group is still to come
function __wbuild_verb
  set -l words (commandline -opc)
  test (count $words) -eq 2; and test $words[2] = $argv[1]
end

# whether a command is the one that is typed; without one it is build
function __wbuild_using
  set -l words (commandline -opc)
  if test (count $words) -lt 2; or not contains -- $words[2] ${words}
    test "$argv" = build
    return
  end
  test $words[2] = $argv[1]; or return 1
  test (count $argv) -eq 1; or begin
    test (count $words) -ge 3; and test $words[3] = $argv[2]
  end
end

${[...first, ...verbs, ...model.commands.flatMap(commandLines)].join('\n')}
`;
}

function commandLines({ words, options, operand }: ModelCommand): string[] {
  const when = `-n '__wbuild_using ${words}'`;
  const lines = options.map(({ long, short, summary, value }) => {
    const names = `${short ? `-s ${short} ` : ''}-l ${long}`;
    return `complete -c wbuild ${when} ${names}${value ? valueFlags(value) : ''} -d ${quoted(summary)}`;
  });
  if (operand.kind === 'choice') lines.push(`complete -c wbuild -f ${when} -a ${quoted(operand.choices.join(' '))}`);
  return lines;
}

function valueFlags(kind: Kind): string {
  if (kind.kind === 'choice') return ` -x -a ${quoted(kind.choices.join(' '))}`;
  if (kind.kind === 'folder') return " -x -a '(__fish_complete_directories)'";
  return kind.kind === 'file' ? ' -r -F' : ' -x';
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
