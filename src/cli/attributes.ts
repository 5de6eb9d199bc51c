/**
 * Values of options that are `key=value,key=value`: one CSV record, as buildx reads those of -o, --cache-from and --cache-to.
 * @see docker/buildx util/buildflags (export.go, cache.go)
 */
import grammar from '../generated/output.ohm-bundle.js';
import { match } from '../util/grammar.js';
import { quote } from '../util/text.js';

/** The attributes of one option by key, as typed. */
export type Attributes = Map<string, string>;

/** What is said of a value that cannot be read. */
export interface AttributeErrors {
  /** What a good one looks like, with its option. */
  readonly example: string;
  readonly invalid: (problem: string, hint: string) => never;
}

/** What nearly everyone types, which needs no grammar: the first match of one costs as much as the rest of reading the command line. */
const PLAIN = /^[a-z-]+=[^",]*(?:,[a-z-]+=[^",]*)*$/;

/** The fields of a value, quotes taken away. */
export function splitFields(text: string, { example, invalid }: AttributeErrors): string[] {
  if (text === '') return invalid('it is empty', `for example: ${example}`);
  if (PLAIN.test(text)) return text.split(',');
  const matched = match(grammar, text, 'fields');
  if (matched.ok) return semantics()(matched.match).list();
  const at = matched.position;
  const hint = 'quotes stand around a whole field, and a quote within them is written twice: "name=a:1,a:2"';
  if (at === text.length) return invalid(`it lacks ${matched.expected}`, hint);
  const problem = text[at] === '"' ? 'a quote stands in the middle of a field' : 'a comma is missing behind a quote';
  return invalid(`${problem}, at character ${at + 1}`, hint);
}

/** Whether a value is one field without quotes, which may be something else than an attribute. */
export function isLoneWord(fields: readonly string[], text: string): boolean {
  return fields.length === 1 && fields[0] === text;
}

/** Fields → attributes by key, in lower case. */
export function readAttributes(fields: readonly string[], { example, invalid }: AttributeErrors): Attributes {
  const attributes = new Map<string, string>();
  for (const field of fields) {
    const { key, value } =
      readAttribute(field) ?? invalid(`${quote(field)} is not key=value`, `for example: ${example}`);
    if (attributes.has(key)) invalid(`${key} is given twice`, 'leave one of them out');
    attributes.set(key, value);
  }
  return attributes;
}

function readAttribute(field: string): { readonly key: string; readonly value: string } | undefined {
  const equals = field.indexOf('=');
  if (PLAIN.test(field)) return { key: field.slice(0, equals), value: field.slice(equals + 1) };
  const matched = match(grammar, field, 'attribute');
  return matched.ok ? semantics()(matched.match).pair() : undefined;
}

function createSemantics() {
  const operations = grammar.createSemantics();
  operations.addOperation<string>('text', {
    quoted: (_open, chars, _close) => chars.children.map((char) => char.text()).join(''),
    quotedChar_quote: (_twice) => '"',
    quotedChar_plain: (char) => char.sourceString,
    bare: (chars) => chars.sourceString,
  });
  operations.addOperation<string[]>('list', {
    fields: (first, _commas, rest, _end) => [first, ...rest.children].map((field) => field.text()),
  });
  return operations.addOperation<{ key: string; value: string }>('pair', {
    attribute: (_before, key, _after, _equals, value) => ({
      key: key.sourceString.toLowerCase(),
      value: value.sourceString,
    }),
  });
}

let cached: ReturnType<typeof createSemantics> | undefined;

function semantics(): ReturnType<typeof createSemantics> {
  cached ??= createSemantics();
  return cached;
}
