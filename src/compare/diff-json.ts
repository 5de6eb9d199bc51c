/** Two JSON values → the paths at which they differ. */

/** A place in a JSON document: keys and indexes from the top. */
export type JsonPath = readonly (string | number)[];

export interface JsonDifference {
  readonly path: JsonPath;
  /** undefined where a side has nothing there. */
  readonly a: unknown;
  readonly b: unknown;
}

/**
 * The deepest places at which two values differ. `null`, which Go writes for what is empty, is a value of its own.
 * @param skip paths that are not looked into
 */
export function diffJson(a: unknown, b: unknown, skip: (path: JsonPath) => boolean = () => false): JsonDifference[] {
  const found: JsonDifference[] = [];
  const walk = (x: unknown, y: unknown, path: JsonPath): void => {
    if (skip(path) || Object.is(x, y)) return;
    if (isMap(path) && isObject(x ?? {}) && isObject(y ?? {})) [x, y] = [x ?? {}, y ?? {}];
    if (Array.isArray(x) && Array.isArray(y)) {
      for (let i = 0; i < Math.max(x.length, y.length); i++) walk(x[i], y[i], [...path, i]);
    } else if (isObject(x) && isObject(y)) {
      for (const key of [...new Set([...Object.keys(x), ...Object.keys(y)])].sort())
        walk(own(x, key), own(y, key), [...path, key]);
    } else found.push({ path, a: x, b: y });
  };
  walk(a, b, []);
  return found;
}

/** Maps of a user's own keys: each key is a difference, also where the other side has no map. */
function isMap(path: JsonPath): boolean {
  return path.at(-1) === 'annotations' || path.at(-1) === 'Labels';
}

/** `__proto__` is a key like any other. */
function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `config.Labels["org.example"]`, `history[2].created_by`. */
export function showPath(path: JsonPath): string {
  return path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(part)) return `[${JSON.stringify(part)}]`;
      return i === 0 ? part : `.${part}`;
    })
    .join('');
}

/** A value in one line; undefined stays so. */
export function showJson(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
