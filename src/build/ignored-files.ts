/** Files that a rebuild lacks although its context has them, byte for byte: a rule of an ignore file leaves them out, and is named. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Difference } from '../compare/difference.js';
import type { Context } from '../context/open-context.js';
import { type FileNode, walkTree } from '../snapshot/file-tree.js';
import { DigestStream } from '../util/digest.js';
import { readContent } from '../util/file-content.js';
import type { BuildOptions } from './build-options.js';
import { openInputs } from './inputs.js';
import { readPlatforms } from './platforms.js';

/** Of so many missing files a rule is looked for. */
const MAX_FILES = 100;

/** The same differences, with `IgnoreRule` in the place of `FileMissing` where a rule is the reason. */
export async function findIgnored(
  differences: readonly Difference[],
  given: BuildOptions,
): Promise<readonly Difference[]> {
  const missing = differences
    .filter((d) => d.code === 'FileMissing' && d.content?.digest !== undefined)
    .slice(0, MAX_FILES);
  const readable = given.context !== '-' && given.file !== '-'; // standard input has been read
  if (missing.length === 0 || !readable) return differences;
  const scratch = mkdtempSync(path.join(tmpdir(), 'wbuild-'));
  try {
    const inputs = await openInputs(given, readPlatforms(given).slice(0, 1), scratch);
    try {
      const found = new Map<Difference, string>();
      for (const context of inputs.platforms[0]!.contexts.values()) await search(context, missing, found);
      return differences.map((d) => {
        const rule = found.get(d);
        return rule === undefined ? d : { ...d, code: 'IgnoreRule' as const, b: rule };
      });
    } finally {
      await inputs.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function search(context: Context, missing: readonly Difference[], found: Map<Difference, string>): Promise<void> {
  if (context.excludes.length === 0) return;
  const files = new Map<string, [string, FileNode][]>();
  for (const [name, node] of walkTree(await context.readTree({ followPaths: [], excludes: [] }))) {
    if (node.type !== 'file') continue;
    const base = path.posix.basename(name);
    files.set(base, [...(files.get(base) ?? []), [name, node]]);
  }
  for (const d of missing) {
    for (const [name, node] of files.get(path.posix.basename(d.path!)) ?? []) {
      if (found.has(d) || node.size !== d.content!.sizeA) continue;
      const rule = context.ruleFor(name);
      if (!rule || (await digestOf(node)) !== d.content!.digest) continue;
      found.set(d, `${rule.file}:${rule.line} (${rule.pattern}) leaves ${name} of ${context.label} out`);
    }
  }
}

async function digestOf(node: FileNode): Promise<string> {
  const hash = new DigestStream();
  for await (const chunk of readContent(node)) hash.update(chunk);
  return hash.digest();
}
