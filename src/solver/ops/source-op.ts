import type { Context } from '../../context/open-context.js';
import type { SourceOp } from '../../llb/op.js';
import type { DirectoryNode } from '../../snapshot/file-tree.js';

/** The name behind `local://` or `oci-layout://`. */
export function contextName(op: SourceOp): string {
  return op.identifier.replace(/^[a-z-]+:\/\//, '').replace(/@sha256:[0-9a-f]+$/, '');
}

/** Reads a context, cut down to what the op asks for. */
export function runSourceOp(op: SourceOp, contexts: ReadonlyMap<string, Context>): Promise<DirectoryNode> {
  const context = contexts.get(contextName(op));
  if (!context) throw new Error(`no context ${op.identifier}`);
  const list = (key: string): string[] => (op.attrs[key] === undefined ? [] : JSON.parse(op.attrs[key]));
  return context.readTree({ followPaths: list('local.followpaths'), excludes: list('local.excludepatterns') });
}
