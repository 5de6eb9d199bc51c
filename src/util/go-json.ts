/**
 * JSON as Go's encoding/json writes it: no blanks, `<`, `>`, `&`, U+2028 and U+2029 escaped, bytes that are not UTF-8 as U+FFFD
 * (BuildKit reads and writes its JSON once more, which makes the character of the escape that Go writes at first).
 * Objects keep the order of their keys, which the caller lays out as the Go struct has them; undefined fields are left out.
 * A Map is an object too: for keys that come from the user, since an object has those that look like numbers in front.
 * @see https://pkg.go.dev/encoding/json#Marshal
 */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | ReadonlyMap<string, Json>
  | { readonly [key: string]: Json | undefined };

/** The JSON text of a value, byte for byte as Go 1.22 or later marshals it; `indent` blanks a level, as MarshalIndent. */
export function goJson(value: Json, indent = 0): string {
  return write(value, indent === 0 ? '' : '\n', ' '.repeat(indent));
}

function write(value: Json, newline: string, step: string): string {
  if (value === null || typeof value !== 'object') return goScalar(value);
  const inner = newline === '' ? '' : newline + step;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => write(item, inner, step));
    return items.length === 0 ? '[]' : `[${inner}${items.join(`,${inner}`)}${newline}]`;
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const colon = newline === '' ? ':' : ': ';
  const fields = entries
    .filter(([, field]) => field !== undefined)
    .map(([key, field]) => `${goScalar(key)}${colon}${write(field as Json, inner, step)}`);
  return fields.length === 0 ? '{}' : `{${inner}${fields.join(`,${inner}`)}${newline}}`;
}

function goScalar(value: string | number | boolean | null): string {
  return JSON.stringify(value).replace(ESCAPED, (ch) => {
    if (ch.length === 1) return `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return ch.startsWith('\\ud') ? '\ufffd' : ch;
  });
}

/** An escape that JSON.stringify made (a lone surrogate, \udXXX, stands for a byte that is no UTF-8), or a character that Go escapes besides. */
const ESCAPED = /\\(?:ud[89a-f][0-9a-f]{2}|.)|[<>&\u2028\u2029]/g;
