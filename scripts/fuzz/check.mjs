// `wbuild check` beside `docker buildx build --check`: the same rules of BuildKit's linter on the same lines, about the same names.
import fs from 'node:fs';
import path from 'node:path';
import { layOut } from './lay-out.mjs';

/** Rules about instructions that wbuild does not have; it says that it does not. */
const FOREIGN = new Set([
  'LegacyKeyValueFormat',
  'SecretsUsedInArgOrEnv',
  'WorkdirRelativePath',
  'MaintainerDeprecated',
]);
/** What only shows when files are looked at, which BuildKit's check does not; and what is outside of the subset. */
const BEYOND =
  /^(SourceNotFound|CopyConflict|CopyIgnoredFile|InvalidPattern|InvalidUser|InvalidPath|Unsupported.*|UmaskDependentMode)$/;
/** Where BuildKit goes to a registry for an image. */
const ASKS_REGISTRY =
  /failed to (resolve source metadata|do request)|pull access denied|invalid reference format|not implemented/;

export class CheckComparer {
  tally = { compared: 0, clean: 0, warned: 0, warnings: 0, refused: 0, unneeded: 0, different: 0 };
  #number = 0;

  /** @param options { kit, wbuild, work, jobs } */
  constructor(options) {
    Object.assign(this, options);
  }

  async compareAlone(c) {
    const dir = path.join(this.work, String(++this.#number));
    try {
      const job = { c, paths: layOut(c, dir) };
      const [own, result] = [await this.wbuild.check(job), await this.kit.check(job)];
      const verdict = judgeCheck(result, own);
      if (verdict?.kind !== 'an error is missing' || !(await this.#isBuilt(job, result)))
        return { verdict, own, result };
      return { verdict: undefined, own, result, unneeded: true };
    } finally {
      fs.rmSync(dir, { recursive: true, force: true });
    }
  }

  /** BuildKit's check refuses faults in stages that no build looks at; ours is about what would be built. */
  async #isBuilt(job, { lines }) {
    const built = await this.kit.build({ ...job, out: path.join(path.dirname(job.paths.context), 'kit.tar') });
    return built.ok || !lines.includes(built.line);
  }

  /** @returns the verdict of each case */
  async compareBatch(cases) {
    const verdicts = [];
    const left = [...cases.entries()];
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [i, c] = next;
        const found = await this.compareAlone(c);
        verdicts[i] = found.verdict;
        this.#count(found);
      }
    };
    await Promise.all(Array.from({ length: this.jobs * 2 }, work));
    return verdicts;
  }

  #count({ verdict, unneeded, result: { warnings, error } }) {
    const { tally } = this;
    tally.compared++;
    if (verdict) tally.different++;
    else if (unneeded) tally.unneeded++;
    else if (error !== undefined) tally.refused++;
    else if (warnings.length > 0) tally.warned++;
    else tally.clean++;
    if (!verdict) tally.warnings += warnings.length;
  }

  summary() {
    const { clean, warned, refused, unneeded, warnings, different } = this.tally;
    return `  ${clean} clean for both, ${warned} with the same warnings, ${refused} refused by both; ${warnings} warnings compared
  ${unneeded} refused by BuildKit for a stage that is not built
  ${different} differ`;
  }
}

/** @returns undefined when they agree, else a verdict as judge.mjs gives it */
function judgeCheck(kit, own) {
  const verdict = (kind, details, of = '') => ({ kind, details, signature: `${kind} ${of}`.trim() });
  if (own.crash) return verdict('crashed', [own.crash], own.crash.split('\n')[0]);
  const theirs = kit.warnings.filter(({ rule }) => !FOREIGN.has(rule));
  // an error says more than the warning of its name on the same source, and takes its place
  const ours = own.diagnostics.filter(
    (d) => d.buildkit && (d.severity === 'warning' || d.fatal || d.code === 'CopyIgnoredFile'),
  );
  const lines = kit.lines ?? [];
  const errors = own.diagnostics.filter((d) => d.severity === 'error' && !BEYOND.test(d.code) && !d.fatal);
  // of an empty line in a continued instruction BuildKit names the last line of the instruction, we the empty one
  const list = (all, name) =>
    all.map((w) => (w[name] === 'NoEmptyContinuation' ? w[name] : `${w[name]} ${w.line}`)).sort();
  const [want, got] = [list(theirs, 'rule'), list(ours, 'code')];
  const less = (from, what) => {
    const rest = [...what];
    return from.filter((item) => !(rest.includes(item) && rest.splice(rest.indexOf(item), 1)));
  };
  const missing = less(want, got);
  const many = less(
    list(
      ours.filter((d) => d.severity === 'warning' || d.fatal),
      'code',
    ),
    want,
  );
  const said = [
    `BuildKit: ${want.join(', ') || 'nothing'}${kit.error ? `; line ${lines.join(', ')}: ${kit.error}` : ''}`,
  ];
  said.push(
    `wbuild: ${got.join(', ') || 'nothing'}${errors.length ? `; ${errors.map((e) => `line ${e.line}: ${e.message}`).join('; ')}` : ''}`,
  );
  const lint = kit.error?.startsWith('lint violation found');
  if (kit.error === undefined || lint) {
    if (missing.length > 0) return verdict('a warning is missing', said, missing[0].split(' ')[0]);
    if (errors.length > 0) return verdict('an error too many', said, errors[0].code);
    if (many.length > 0) return verdict('a warning too many', said, many[0].split(' ')[0]);
    if (lint !== (ours.some((d) => d.fatal) || undefined)) return verdict('check=error', said);
  } else if (!ASKS_REGISTRY.test(kit.error)) {
    // BuildKit stops at its first error; of what it had warned of before, we leave out what concerns the line that cannot be read
    const before = missing.filter((w) => !lines.includes(Number(w.split(' ')[1])));
    if (before.length > 0) return verdict('a warning is missing beside an error', said, before[0].split(' ')[0]);
    const named = (d) => lines.length === 0 || d.lines.some((line) => lines.includes(line));
    if (!own.diagnostics.some((d) => d.severity === 'error' && !d.fatal && named(d)))
      return verdict('an error is missing', said, kit.error.replace(/["'`/(:[].*/s, ''));
  }
  for (const { rule, line, detail } of theirs) {
    const same = ours.filter((d) => d.code === rule && d.line === line);
    if (
      same.every((d) => d.severity === 'warning' || d.fatal) &&
      same.length > 0 &&
      !same.some((d) => namesAll(detail, `${d.message} ${d.hint ?? ''}`))
    )
      return verdict(
        'other names',
        [`BuildKit, line ${line}: ${detail}`, ...same.map((d) => `wbuild: ${d.message}; ${d.hint}`)],
        rule,
      );
  }
  return undefined;
}

/** Whether our words are about all that BuildKit's have in quotes; if we suggest a name, then its own. (It does for names of one letter, too.) */
function namesAll(detail, words) {
  const quoted = [...detail.matchAll(/'([^']*)'|("(?:[^"\\]|\\.)*")/g)].map(
    ([, single, double]) => single ?? unquote(double),
  );
  const suggested = (text) => /did you mean \$?([^?]+)\?/.exec(text)?.[1];
  const shown = words.toLowerCase();
  const ours = suggested(words);
  return quoted.every((q) => shown.includes(q.toLowerCase())) && (ours === undefined || ours === suggested(detail));
}

function unquote(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(1, -1);
  }
}
