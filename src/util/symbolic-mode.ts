/**
 * Modes in symbols, `u=rwX,go=rX`, as the BSD chmod that BuildKit follows reads them: who is left out where all are meant
 * (no umask applies), a clause may have several actions, X looks at the mode before the change.
 * @see moby/buildkit vendor/github.com/tonistiigi/dchapes-mode
 */

const CLAUSE = /^[ugoa]*(?:[-+=][rwxXstugo]*)+$/;

/** Whether a text is a mode in symbols. */
export function isSymbolicMode(text: string): boolean {
  return text.split(',').every((clause) => CLAUSE.test(clause));
}

const SET_ID = 0o6000;
const STICKY = 0o1000;
const ALL = 0o6777;
const WHO: Readonly<Record<string, number>> = { a: ALL, u: 0o4700, g: 0o2070, o: 0o007 };
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** The twelve permission bits that `mode` becomes under the symbols of `text`, which isSymbolicMode accepted. */
export function applySymbolicMode(text: string, mode: number, isDirectory: boolean): number {
  let result = mode;
  for (const clause of text.split(',')) {
    const actions = clause.replace(/^[ugoa]*/, '');
    let who = 0;
    for (const letter of clause.slice(0, clause.length - actions.length)) who |= WHO[letter]!;
    for (const [, operator, letters] of actions.matchAll(/([-+=])([rwxXstugo]*)/g)) {
      result = applyAction(result, { before: mode, who, operator: operator!, letters: letters!, isDirectory });
    }
  }
  return result;
}

interface Action {
  /** The mode before any change, which X asks. */
  readonly before: number;
  readonly who: number;
  readonly operator: string;
  readonly letters: string;
  readonly isDirectory: boolean;
}

function applyAction(mode: number, { before, who: named, operator, letters, isDirectory }: Action): number {
  let result = mode;
  let who = named;
  let bits = 0;
  let conditional = 0;
  let cleared = operator !== '=';
  const flush = () => {
    if (bits !== 0 || !cleared) {
      if (operator === '=') result &= ~(who || ALL);
      cleared = true;
      const mask = who ? who & bits : bits;
      result = operator === '-' ? result & ~mask : result | mask;
    }
    const x = who ? who & conditional : conditional;
    if (x !== 0 && ((before & 0o111) !== 0 || isDirectory)) result |= x;
    bits = 0;
    conditional = 0;
  };
  for (const letter of letters) {
    if (letter === 's') bits |= who === 0 || (who & ~0o007) !== 0 ? SET_ID : 0;
    else if (letter === 't') {
      if (who !== 0 && (who & ~0o007) === 0) continue;
      who |= STICKY;
      bits |= STICKY;
    } else if (letter === 'X' && operator !== '-') conditional |= 0o111;
    else if (letter === 'X') bits |= 0o111;
    else if (BITS[letter] !== undefined) bits |= BITS[letter];
    else {
      if (bits === 0) cleared = true; // a copy says itself what it clears
      flush();
      cleared = true;
      result = copyBits(result, { who, operator, from: SHIFT[letter]! });
    }
  }
  flush();
  return result;
}

/** `g=u`: the bits of one class to those named; without a name, to all. */
function copyBits(mode: number, { who, operator, from }: { who: number; operator: string; from: number }): number {
  const value = (mode >> from) & 0o7;
  let result = mode;
  for (const shift of [6, 3, 0]) {
    if (who !== 0 && (who & (0o4 << shift)) === 0) continue;
    if (operator === '=') result &= ~(0o7 << shift);
    if (operator === '-') result &= ~(value << shift);
    else result |= value << shift;
  }
  return result;
}
