/** Rules about ENTRYPOINT and the JSON form. */
import type { Command } from './instructions.js';
import { basesFirst, builtOn, type Finding, type LintContext } from './lint-context.js';
import type { Stage } from './stage.js';

/** Only the last ENTRYPOINT of a stage counts; those before it are marked. */
export function severalEntrypoints({ stages }: LintContext): Finding[] {
  return stages.flatMap((stage) => {
    const all = stage.commands.filter((c) => c.kind === 'entrypoint');
    const message = 'only the last ENTRYPOINT of a stage counts';
    return all.slice(0, -1).map(({ range }, i) => {
      return { range, message, hint: 'remove this one', above: all[i + 1]!.instruction };
    });
  });
}

/** SHELL, which only stages that are not built can have, makes the shell form deliberate. */
export function shellEntrypoint({ stages }: LintContext): Finding[] {
  const shells = new Map<Stage, boolean>();
  const inherits = (stage: Stage) => {
    const base = builtOn(stage);
    return base !== undefined && shells.get(base)!;
  };
  const sets = (command: Command) => command.kind === 'foreign' && command.name === 'SHELL';
  for (const stage of stages)
    for (const each of basesFirst(stage, shells)) shells.set(each, inherits(each) || each.commands.some(sets));
  return stages.flatMap((stage) => {
    let deliberate = inherits(stage);
    return stage.commands.flatMap((command) => {
      deliberate ||= sets(command);
      if (command.kind !== 'entrypoint' || !command.shell || deliberate) return [];
      const message = 'this form runs /bin/sh, which an image FROM scratch does not have';
      return [{ range: command.range, message, hint: execForm(command.args[0] ?? ''), above: command.instruction }];
    });
  });
}

/** The same in the JSON form, where no shell is needed to tell the words apart. */
function execForm(text: string): string {
  const isPlain = /^[\w./:=@%+,-]+(?: +[\w./:=@%+,-]+)*$/.test(text);
  const words = isPlain ? text.split(/ +/) : ['/program', 'argument'];
  return `write ENTRYPOINT [${words.map((word) => JSON.stringify(word)).join(', ')}]`;
}

/** What looks like a JSON array and is none is read as words or as a shell command, brackets and all. */
export function brokenJson({ commands }: LintContext): Finding[] {
  return commands.flatMap(({ kind, instruction }) => {
    if (kind !== 'entrypoint' && kind !== 'copy') return [];
    const { json, rest } = instruction;
    if (json || !/^\[(?:\s*["'“”]|.*\]$)/su.test(rest.text)) return [];
    const read = kind === 'copy' ? 'as file names' : 'as a shell command';
    const message = `this looks like a JSON array and is none, so it is read ${read}, brackets and all`;
    return [{ range: rest.range, message, hint: jsonHint(rest.text), above: instruction }];
  });
}

function jsonHint(text: string): string {
  if (/[“”]/.test(text)) return 'write straight quotes (")';
  if (/^\[\s*'/.test(text)) return `JSON has double quotes alone: ["/program", "argument"]`;
  if (/,\s*\]$/.test(text)) return 'remove the comma before the closing bracket';
  if (!text.endsWith(']')) return 'close the bracket; nothing may stand behind it';
  return 'write ["a", "b"]: strings in double quotes, commas between them, a backslash as \\\\';
}
