// Both sides for many cases at once, and what they say of each.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isWhole } from './buildkit.mjs';
import { agreeOnFaults } from './faults.mjs';
import { Gate } from './gate.mjs';
import { judge } from './judge.mjs';
import { knownDifference } from './known.mjs';
import { layOut } from './lay-out.mjs';

/** One in so many cases goes through the program, the others through build(). */
const CLI_EVERY = 50;

export class Comparer {
  tally = { compared: 0, built: 0, refused: 0, lines: 0, faults: 0, batch: 0, known: new Map(), cli: 0, different: 0 };
  #gate = new Gate();
  #number = 0;
  #builds = 0;

  /** @param options { kit, wbuild, work, program, readImage, jobs, pruneEvery, log } */
  constructor(options) {
    Object.assign(this, options);
  }

  summary() {
    const { built, refused, lines, faults, batch, known, cli, different } = this.tally;
    return `  ${built} built the same, ${refused} refused by both (${lines} with BuildKit's line, in ${faults} of which each named another of several faults first)
  ${batch} differed only among other builds, whose contexts and steps the daemon had kept or merged, and not alone
${[...known].map(([why, times]) => `  ${times} known: ${why}\n`).join('')}  ${cli} went through the program
  ${different} differ`;
  }

  #prepare(c) {
    const dir = path.join(this.work, String(++this.#number));
    return { c, dir, paths: layOut(c, dir), out: path.join(dir, 'kit.tar'), ownOut: path.join(dir, 'own.tar') };
  }

  async #runOwn(job) {
    const own = { ...job, out: job.ownOut };
    if (this.#number % CLI_EVERY !== 0) return this.wbuild.build(own);
    this.tally.cli++;
    return this.wbuild.cli(this.program, own);
  }

  /** @returns the verdict, undefined where there is no difference or one that is known */
  async #judged(job, own, result) {
    const verdict = judge({ kit: result, own, kitOut: job.out, ownOut: job.ownOut }, this.readImage);
    const { tally } = this;
    const why = knownDifference(verdict, job.c);
    if (why !== undefined) {
      tally.known.set(why, (tally.known.get(why) ?? 0) + 1);
      return undefined;
    }
    if (verdict?.kind !== 'wrong line' || !(await this.#bothSeeAll(job.c, own, result))) return verdict;
    tally.faults++;
    return undefined;
  }

  async #with(c, use) {
    const job = this.#prepare(c);
    try {
      return await use(job);
    } finally {
      discard(job);
    }
  }

  /** Both sides for one case, with nothing beside it and nothing kept from before. @returns { verdict, own, result, image, ownDigest } */
  compareAlone(c) {
    return this.#gate.alone(() =>
      this.#with(c, async (job) => {
        const own = await this.wbuild.build({ ...job, out: job.ownOut });
        this.#builds++;
        await this.kit.dropContexts();
        const result = await this.kit.build(job);
        const verdict = await this.#judged(job, own, result);
        const image = result.ok ? this.readImage(fs.readFileSync(job.out)) : undefined;
        return { verdict, own, result, image, ownDigest: digestOf(job.ownOut) };
      }),
    );
  }

  /** A file with several faults may be refused for any of them: the same when each side also sees what the other one named. */
  #bothSeeAll(c, own, result) {
    const sides = {
      own: (changed) => this.#with(changed, (job) => this.wbuild.build({ ...job, out: job.ownOut })),
      kit: (changed) => this.#with(changed, (job) => this.kit.build(job)),
    };
    return agreeOnFaults(c, { ownLines: own.lines, kitLine: result.line }, sides);
  }

  /** @returns the verdict of each case */
  async compareBatch(cases) {
    const verdicts = await this.#gate.shared(() => this.#batch(cases));
    for (const [i, verdict] of verdicts.entries()) {
      if (!verdict) continue;
      if (await this.#onlyInBatch(cases[i], verdict)) {
        this.tally.batch++;
        verdicts[i] = undefined;
      } else this.tally.different++;
    }
    if (this.pruneEvery > 0 && this.#builds >= this.pruneEvery) {
      this.#builds = 0;
      await this.#gate.alone(() => this.kit.prune());
    }
    return verdicts;
  }

  /**
   * A daemon keeps contexts that were sent to it, sends again only files whose size or time is another, and no folder whose time alone is;
   * and it merges steps of builds that run at the same time when their files differ in times alone. So one case may get the times of another.
   * That it was so is shown when the same bytes of ours are right with nothing beside and nothing kept.
   */
  async #onlyInBatch(c, verdict) {
    if (verdict.kind === 'crashed') return false;
    // a context is dropped only once the builds that read it have let go of it, which takes a moment
    for (const wait of [0, 1000, 3000]) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      const again = await this.compareAlone(c);
      if (again.verdict === undefined && again.ownDigest === verdict.ownDigest) return true;
    }
    return false;
  }

  async #batch(cases) {
    const jobs = [];
    for (const c of cases) {
      const job = this.#prepare(c);
      job.own = await this.#runOwn(job);
      jobs.push(job);
    }
    const together = jobs.filter((j) => j.own.ok);
    const alone = jobs.filter((j) => !j.own.ok);
    this.#builds += jobs.length;
    if (together.length > 0 && !(await this.kit.bake(together))) {
      this.log?.(`bake: ${this.kit.lastError.slice(0, 500)}`);
      // one of them failed and ended the others: those that did not come out, or not whole and equal, are built again
      for (const job of together) {
        if (isWhole(job.out) && digestOf(job.out) === digestOf(job.ownOut)) continue;
        fs.rmSync(job.out, { force: true });
        alone.push(job);
      }
    }
    await parallel(alone, this.jobs * 2, async (job) => {
      job.result = await this.kit.build(job);
    });
    const verdicts = [];
    for (const job of jobs) verdicts.push(await this.#conclude(job, job.result ?? { ok: true }));
    return verdicts;
  }

  async #conclude(job, result) {
    const { tally } = this;
    const verdict = await this.#judged(job, job.own, result);
    tally.compared++;
    if (verdict) verdict.ownDigest = digestOf(job.ownOut);
    else if (result.ok) tally.built++;
    else {
      tally.refused++;
      if (result.line !== null) tally.lines++;
    }
    discard(job);
    return verdict;
  }
}

const discard = (job) => fs.rmSync(job.dir, { recursive: true, force: true });

const digestOf = (file) =>
  fs.existsSync(file) ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : undefined;

async function parallel(items, width, each) {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, items.length) }, async () => {
      while (next < items.length) await each(items[next++]);
    }),
  );
}
