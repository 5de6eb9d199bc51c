// When a Dockerfile has several faults, each side may name another one first (BuildKit looks at several COPYs at once). They agree when
// each, with what it named taken out, goes on to name what the other one named.

const ROUNDS = 6;

/**
 * @param sides { own, kit }: build a case
 * @returns whether both sides see both faults
 */
export async function agreeOnFaults(c, { ownLines, kitLine }, sides) {
  return (
    (await names(kitLine, c, ownLines, async (changed) => (await sides.own(changed)).lines)) &&
    (await someNamed(ownLines, c, kitLine, sides))
  );
}

async function someNamed(ownLines, c, kitLine, sides) {
  for (const line of ownLines) {
    const found = await names(line, c, [kitLine], async (changed) => [(await sides.kit(changed)).line].filter(Boolean));
    if (found) return true;
  }
  return false;
}

/** Takes out what is named, again and again, until `wanted` is named. */
async function names(wanted, c, first, build) {
  let lines = first;
  for (let changed = c, round = 0; round < ROUNDS; round++) {
    changed = without(
      changed,
      lines.filter((line) => line !== wanted),
    );
    if (!changed) return false;
    lines = (await build(changed)) ?? [];
    if (lines.includes(wanted)) return true;
    if (lines.length === 0) return false;
  }
  return false;
}

const OPENS = /^\s*(copy|entrypoint|from)\b/i;

/** The case with the COPY or ENTRYPOINT at each of the lines made a comment; undefined where nothing can be taken out. */
function without(c, numbers) {
  const plain = typeof c.dockerfile === 'string';
  const text = plain ? c.dockerfile : c.dockerfile.text;
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  let changed = false;
  for (const number of numbers) {
    const opening = OPENS.exec(lines[number - 1] ?? '');
    if (!opening || opening[1].toLowerCase() === 'from') continue;
    for (let i = number - 1; i < lines.length; i++) {
      if (i >= number && OPENS.test(lines[i])) break;
      if (i === lines.length - 1 && lines[i] === '') break;
      lines[i] = '#';
    }
    changed = true;
  }
  if (!changed) return undefined;
  const after = lines.join('\n');
  return { ...c, dockerfile: plain ? after : { ...c.dockerfile, text: after } };
}
