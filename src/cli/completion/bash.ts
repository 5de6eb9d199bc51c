/** `wbuild completion bash`: for bash 3.2 (as on macOS) and newer, without the bash-completion package. */
import type { Kind } from '../command-table.js';
import { type CompletionModel, verbsOf } from './model.js';

/** The script. */
export function bashCompletion(model: CompletionModel): string {
  const groups = [...verbsOf(model).keys()];
  const options = model.commands.map(({ words, options }) => {
    const list = options.flatMap(({ long, short }) => [`--${long}`, ...(short ? [`-${short}`] : [])]);
    return `    '${words}') echo "${list.join(' ')}" ;;`;
  });
  const values = model.commands.flatMap(({ words, options, operand }) => {
    const named = options.flatMap(({ long, short, value }) => {
      if (!value) return [];
      const patterns = [`'${words} --${long}'`, ...(short ? [`'${words} -${short}'`] : [])];
      return [`    ${patterns.join(' | ')}) echo "${kindText(value)}" ;;`];
    });
    return [...named, `    '${words} ') echo "${kindText(operand)}" ;;`];
  });
  const verbs = [...verbsOf(model)].map(
    ([word, list]) => `    ${word}) echo "${list.map(({ words }) => words.split(' ')[1]).join(' ')}" ;;`,
  );
  return `# bash completion for wbuild, made by: wbuild completion bash

_wbuild_options() {
  case "$1" in
${options.join('\n')}
  esac
}

# what the value of an option is, or with an empty option what stands behind the command; nothing for an option that stands alone
_wbuild_values() {
  case "$1 $2" in
${values.join('\n')}
  esac
}

_wbuild_verbs() {
  case "$1" in
${verbs.join('\n')}
  esac
}

_wbuild() {
  local -a words=()
  local count=0 glue=0 i word command=build option='' value kind
  COMPREPLY=()
  # bash takes words apart at = and :, which are parts of ours
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((count > 0)) && { ((glue)) || [[ $word == [=:]* ]]; }; then
      words[count - 1]+=$word
    else
      words[count]=$word
      count=$((count + 1))
    fi
    glue=0
    [[ $word == [=:] ]] && glue=1
  done
  value=\${words[count - 1]}

  if ((count == 1)) && [[ $value != -* ]]; then
    COMPREPLY=($(compgen -W "${model.first.map(([word]) => word).join(' ')}" -- "$value"))
    _wbuild_paths folder "$value"
    return
  fi
  case " ${model.first.map(([word]) => word).join(' ')} " in
    *" \${words[0]} "*) command=\${words[0]} ;;
  esac
  case "$command" in
    ${groups.join(' | ')})
      if ((count == 2)); then
        COMPREPLY=($(compgen -W "$(_wbuild_verbs "$command")" -- "$value"))
        return
      fi
      command="$command \${words[1]}"
      ;;
  esac

  if [[ $value == --*=* ]]; then
    option=\${value%%=*}
    value=\${value#*=}
  elif ((count > 1)) && [[ \${words[count - 2]} == -* && -n $(_wbuild_values "$command" "\${words[count - 2]}") ]]; then
    option=\${words[count - 2]}
  elif [[ $value == -* ]]; then
    COMPREPLY=($(compgen -W "$(_wbuild_options "$command")" -- "$value"))
    return
  fi
  kind=$(_wbuild_values "$command" "$option")
  case "$kind" in
    file | folder) _wbuild_paths "$kind" "$value" ;;
    text | '') ;;
    *)
      COMPREPLY=($(compgen -W "$kind" -- "$value"))
      [[ $kind == *=* ]] && compopt -o nospace 2>/dev/null
      ;;
  esac
  # what stands before the last = or : is not replaced
  if [[ $value == *[=:]* ]]; then
    local kept=\${value%"\${value##*[=:]}"}
    for ((i = 0; i < \${#COMPREPLY[@]}; i++)); do COMPREPLY[i]=\${COMPREPLY[i]#"$kept"}; done
  fi
}

_wbuild_paths() {
  local IFS=$'\\n' flag=-f
  [[ $1 == folder ]] && flag=-d
  compopt -o filenames 2>/dev/null
  COMPREPLY+=($(compgen $flag -- "$2"))
}

complete -F _wbuild wbuild
`;
}

function kindText(kind: Kind): string {
  return kind.kind === 'choice' ? kind.choices.join(' ') : kind.kind;
}
