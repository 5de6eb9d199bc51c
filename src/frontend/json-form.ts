/**
 * The JSON form of arguments: `["a", "b c"]`.
 * @see moby/buildkit frontend/dockerfile/parser/line_parsers.go (parseJSON), and Go's encoding/json
 */
import grammar from '../generated/exec-form.ohm-bundle.js';
import type { OhmNode } from '../util/grammar.js';
import type { Span } from './words.js';

/** An element that is a string, or undefined for anything else, with its place in the text. */
export interface JsonElement {
  readonly value: string | undefined;
  readonly start: number;
  readonly end: number;
}

/**
 * Beyond this length the grammar's tree (about 1 KB a byte) costs more than places are worth, and beyond this depth it takes more stack than
 * there is; the answer is the same.
 */
const GRAMMAR_LIMIT = { length: 65_536, depth: 100 };

/** The elements of a JSON array; undefined when the text is no JSON array, and so the shell form. */
export function parseJsonArray(text: string): readonly JsonElement[] | undefined {
  if (!text.startsWith('[')) return undefined;
  const decoded = decode(text);
  if (!decoded) return undefined;
  const { values, depth } = decoded;
  if (text.length > GRAMMAR_LIMIT.length || depth > GRAMMAR_LIMIT.depth)
    return values.map((value) => ({ value, start: 0, end: text.length }));
  const match = grammar.match(text, 'array');
  if (match.failed()) return undefined;
  const spans: Span[] = semantics()(match).elements();
  return spans.map((span, i) => ({ value: values[i], start: span.start, end: span.end }));
}

/** Decodes by JSON.parse, which accepts what Go accepts but for three things: numbers beyond float64, deep nesting, and half surrogates. */
function decode(text: string): { values: (string | undefined)[]; depth: number } | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text.toWellFormed());
  } catch {
    return undefined;
  }
  const depth = Array.isArray(list) ? depthForGo(list) : undefined;
  if (depth === undefined) return undefined;
  const values = (list as unknown[]).map((value) => (typeof value === 'string' ? value.toWellFormed() : undefined));
  return { values, depth };
}

/** Go reads no number beyond float64, and gives up on what nests more than 10,000 levels deep. */
const MAX_DEPTH = 10_000;

/** How deep an array nests; undefined where Go would not read it. Level by level, since a stack has fewer frames than that. */
function depthForGo(list: readonly unknown[]): number | undefined {
  let level: unknown[] = [list];
  for (let depth = 0; ; depth++) {
    if (level.some((value) => typeof value === 'number' && !Number.isFinite(value))) return undefined;
    const nested = level.filter((value) => typeof value === 'object' && value !== null) as object[];
    if (nested.length === 0) return depth;
    if (depth === MAX_DEPTH) return undefined;
    level = nested.flatMap((value) => Object.values(value));
  }
}

function createSemantics() {
  return grammar.createSemantics().addOperation<Span[]>('elements', {
    array(_a, _open, _b, elements, _c, _close, _d, _end) {
      return elements.elements();
    },
    elements(list) {
      const nodes: OhmNode[] = list.asIteration().children;
      return nodes.map(({ source }) => ({ text: source.contents, start: source.startIdx, end: source.endIdx }));
    },
  });
}

let cached: ReturnType<typeof createSemantics> | undefined;

function semantics(): ReturnType<typeof createSemantics> {
  cached ??= createSemantics();
  return cached;
}
