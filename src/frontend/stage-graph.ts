/** Which stages copy from one another, and which of them a target needs. */
import type { CopyCommand } from './instructions.js';
import type { CopySource, Stage } from './stage.js';

/**
 * A circle of stages, each of which copies from the next, if there is one; and the COPY that closes it.
 * Not recursive: a Dockerfile may have more stages than a stack has frames.
 */
export function findCycle(
  stages: readonly Stage[],
  sources: ReadonlyMap<CopyCommand, CopySource>,
): { readonly stages: readonly Stage[]; readonly command: CopyCommand } | undefined {
  const done = new Set<Stage>();
  const onPath = new Set<Stage>();
  const path: { readonly stage: Stage; readonly copied: Iterator<[Stage, CopyCommand]> }[] = [];
  const enter = (stage: Stage) => {
    if (done.has(stage)) return;
    done.add(stage);
    onPath.add(stage);
    path.push({ stage, copied: copiedStages(stage, sources).entries() });
  };
  for (const start of stages) {
    enter(start);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const next = top.copied.next();
      if (next.done) {
        onPath.delete(top.stage);
        path.pop();
        continue;
      }
      const [source, command] = next.value;
      if (onPath.has(source)) {
        const all = path.map((p) => p.stage);
        return { stages: all.slice(all.indexOf(source)), command };
      }
      enter(source);
    }
  }
  return undefined;
}

/** The stages that a stage copies from, each with the last COPY that does, which is the one that BuildKit names. */
function copiedStages(stage: Stage, sources: ReadonlyMap<CopyCommand, CopySource>): Map<Stage, CopyCommand> {
  const copied = new Map<Stage, CopyCommand>();
  for (const command of stage.commands) {
    const source = command.kind === 'copy' ? sources.get(command) : undefined;
    if (command.kind === 'copy' && source?.kind === 'stage') copied.set(source.stage, command);
  }
  return copied;
}

/** What the target needs, in the order of the file: its base, and what its COPYs name. A stage that a context replaces needs nothing. */
export function findReached(
  target: Stage,
  stages: readonly Stage[],
  sources: ReadonlyMap<CopyCommand, CopySource>,
): readonly Stage[] {
  const reached = new Set([target]);
  for (const stage of reached) {
    if (stage.replacedBy !== undefined) continue;
    if (stage.base.kind === 'stage') reached.add(stage.base.stage);
    for (const command of stage.commands) {
      const source = command.kind === 'copy' ? sources.get(command) : undefined;
      if (source?.kind === 'stage') reached.add(source.stage);
    }
  }
  return stages.filter((stage) => reached.has(stage));
}
