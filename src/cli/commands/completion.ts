/** `wbuild completion`: a script for a shell. */
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { completionModel } from '../completion/model.js';
import { zshCompletion } from '../completion/zsh.js';
import type { Shell } from '../shells.js';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** The completion script of a shell. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell](completionModel());
}
