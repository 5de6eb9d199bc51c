/** What the numbers are held against: ratios of cells of one run, never seconds. */

/**
 * `of` and `per` are cells, `row/program/case`; the ratio of their medians is to be at most `goal`. `guard` is where CI fails: wide, since
 * its machine is shared, and still below what a mistake costs.
 */
export const GOALS = [
  { about: 'wbuild --version, per node -e 0', of: 'wasm/version/cold', per: 'wasm/node/cold', goal: 1.3, guard: 3 },
  { about: 'wasm, cold, per node -e 0', of: 'wasm/gzip/cold', per: 'wasm/node/cold', goal: 2.5, guard: 10 },
  { about: 'wasm, no change, per node -e 0', of: 'wasm/gzip/same', per: 'wasm/node/cold', goal: 1.8, guard: 6 },
  { about: 'wasm, cold, per docker buildx', of: 'wasm/gzip/cold', per: 'wasm/buildx/cold', goal: 0.25 },
  { about: 'wasm, no change, per docker buildx', of: 'wasm/gzip/same', per: 'wasm/buildx/same', goal: 0.25 },
  ...['10k', '100k'].flatMap((row) => [
    {
      about: `${row}, cold, gzip, per pigz pipe`,
      of: `${row}/gzip/cold`,
      per: `${row}/pipe-pigz/cold`,
      goal: 1.3,
      guard: 8,
    },
    {
      about: `${row}, cold, uncompressed, per tar | sha256sum`,
      of: `${row}/plain/cold`,
      per: `${row}/pipe-plain/cold`,
      goal: 2,
      guard: 12,
    },
  ]),
  { about: '1g, cold, gzip, per pigz pipe', of: '1g/gzip/cold', per: '1g/pipe-pigz/cold', goal: 1.15, guard: 2 },
  {
    about: '1g, cold, uncompressed, per tar | sha256sum',
    of: '1g/plain/cold',
    per: '1g/pipe-plain/cold',
    goal: 1.3,
    guard: 2.5,
  },
  { about: '1g, one byte changed, per own cold', of: '1g/gzip/changed', per: '1g/gzip/cold', goal: 0.1, guard: 0.3 },
  { about: 'stages, cold, per pigz pipe', of: 'stages/gzip/cold', per: 'stages/pipe-pigz/cold', goal: 3, guard: 9 },
];

/** MiB that a build may need. */
export const MEMORY_GOAL = 250;

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The ratio of two cells: the median of the ratios round by round, so that a machine which changes its speed changes both. */
function ratioOf(a, b) {
  return median(Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] / b[i]));
}

/** Every goal whose cells were measured. @param times seconds by cell @param memory MiB by row/program */
export function judge(times, memory) {
  const verdicts = GOALS.filter(({ of, per }) => times.has(of) && times.has(per)).map((goal) => {
    const ratio = ratioOf(times.get(goal.of), times.get(goal.per));
    return { goal, ratio, met: ratio <= goal.goal, withinGuard: goal.guard === undefined || ratio <= goal.guard };
  });
  for (const [cell, mib] of memory) {
    const [row, program] = cell.split('/');
    const goal = {
      about: `${row}, ${program === 'plain' ? 'uncompressed' : program}, peak memory in MiB`,
      goal: MEMORY_GOAL,
    };
    verdicts.push({ goal, ratio: mib, met: mib <= MEMORY_GOAL, withinGuard: mib <= MEMORY_GOAL });
  }
  return verdicts;
}
