/** Two WebAssembly files, section by section. Toolchains leave paths and versions in custom sections, which are called out. */
import { producers } from '../util/wasm-producers.js';
import type { WasmContents, WasmSection } from '../util/wasm-sections.js';
import type { SectionDifference } from './difference.js';

/** So many strings tell enough. */
const MAX_STRINGS = 5;

/** The sections that differ, in the order of the files; those that one side lacks among them. */
export function diffWasm(a: WasmContents, b: WasmContents): SectionDifference[] {
  const left = byKey(a.sections);
  const right = byKey(b.sections);
  const found: SectionDifference[] = [];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [x, y] = [left.get(key), right.get(key)];
    if (x && y && x.digest === y.digest && x.size === y.size) continue;
    const { name, custom } = (x ?? y)!;
    found.push({
      name,
      custom: custom !== undefined,
      ...(x && { sizeA: x.size }),
      ...(y && { sizeB: y.size }),
      ...onlyIn(custom, x?.content, y?.content),
    });
  }
  return found;
}

/** Sections may bear the same name several times. */
function byKey(sections: readonly WasmSection[]): Map<string, WasmSection> {
  const counts = new Map<string, number>();
  return new Map(
    sections.map((section) => {
      const n = counts.get(section.name) ?? 0;
      counts.set(section.name, n + 1);
      return [`${section.name}#${n}`, section];
    }),
  );
}

function onlyIn(custom: string | undefined, a: Buffer | undefined, b: Buffer | undefined) {
  const say = (content: Buffer | undefined) => {
    if (!content) return [];
    return custom === 'producers' ? producers(content) : printableRuns(content);
  };
  const [x, y] = [say(a), say(b)];
  const lacks = (list: readonly string[]) => {
    const set = new Set(list);
    return (text: string) => !set.has(text);
  };
  return { onlyA: pick(x.filter(lacks(y))), onlyB: pick(y.filter(lacks(x))) };
}

/** Paths first: those are what leaks most. */
function pick(strings: readonly string[]): string[] {
  const isPath = (text: string) => /[/\\]/.test(text);
  return [...strings.filter(isPath), ...strings.filter((text) => !isPath(text))].slice(0, MAX_STRINGS);
}

/** As strings(1): runs of at least four printable ASCII characters, cut to what a line holds. */
function printableRuns(content: Buffer): string[] {
  const runs = content.toString('latin1').match(/[\x20-\x7e]{4,}/g) ?? [];
  return [...new Set(runs.map((run) => run.slice(0, 160)))];
}
