#!/usr/bin/env node
// How the time of the frontend grows with its input: each input at a quarter, at half and at its whole size. Method: bench/README.md, "Frontend".
//   node bench/frontend.mjs [--only TEXT] [--runs N] [--json] [--write]     --write: into bench/results/frontend.md
//   node bench/frontend.mjs --once [--only TEXT]     each input once, at a quarter of its size: all come to an end, and no time is judged
// Fails when a time grows faster than the row allows: with the exponent that leads from the quarter to the whole.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { machine } from './report.mjs';

const { values: opt } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '1' },
    json: { type: 'boolean' },
    write: { type: 'boolean' },
    once: { type: 'boolean' },
  },
});
const bench = fileURLToPath(new URL('.', import.meta.url));
const dist = path.join(bench, '../dist');
const load = (file) => import(pathToFileURL(path.join(dist, file)).href);
const [{ analyzeDockerfile }, { PatternSet }, { Glob }] = await Promise.all(
  ['build/plan.js', 'snapshot/patterns.js', 'snapshot/glob.js'].map(load),
);

/** Everything that the text of a Dockerfile gives reason to do: reading, expansion, stages, graph, lint. @returns the errors */
function analyze(text) {
  const { errors } = analyzeDockerfile({
    file: 'Dockerfile',
    bytes: Buffer.from(text),
    target: undefined,
    platform: { os: 'linux', architecture: 'amd64' },
    excludes: [],
    named: new Map(),
  });
  return errors.map((e) => e.code);
}

const times = (n, text) => text.repeat(Math.floor(n));
const lines = (n, line) => Array.from({ length: Math.floor(n) }, (_, i) => line(i)).join('\n');
const dockerfile = (...rest) => ['FROM scratch', ...rest, ''].join('\n');
const MIB = 1024 * 1024;

/** A line of any length: continued before it becomes too long for a line. */
const long = (text) => (text.match(/[\s\S]{1,60000}/g) ?? []).join('\\\n');

/** Each makes an input of size n and gives what is to be done with it; `most` is the highest exponent allowed, 1 where nothing else is said. */
const ROWS = [
  ['50,000 lines of COPY', 50_000, (n) => dockerfile(lines(n - 1, (i) => `COPY a${i} /b${i % 100}/`))],
  ['50,000 lines of comment', 50_000, (n) => dockerfile(lines(n - 1, (i) => `# ${i}`))],
  ['50,000 lines that are no instruction', 50_000, (n) => dockerfile(lines(n - 1, (i) => `COYP a${i} /`))],
  ['one COPY over 50,000 lines', 50_000, (n) => dockerfile(`COPY a \\\n${times(n - 2, '# x\n')} /b`)],
  [
    '20,000 stages, each copies from the one before',
    20_000,
    (n) => lines(n, (i) => `FROM scratch AS s${i}\nCOPY ${i ? `--from=s${i - 1} ` : ''}a /`),
  ],
  [
    '20,000 stages, each on the one before',
    20_000,
    (n) => lines(n, (i) => `FROM ${i ? `s${i - 1}` : 'scratch'} AS s${i}\nCOPY a /`),
  ],
  [
    'a heredoc of 10 MB, quoted',
    10 * MIB,
    (n) => dockerfile(`COPY <<'E' /x\n${times(n / 64, `${'x'.repeat(63)}\n`)}E`),
  ],
  [
    'a heredoc of 10 MB, with variables',
    10 * MIB,
    (n) => dockerfile(`COPY <<E /x\n${times(n / 64, `${'x'.repeat(50)}$PATH \${U:-y}\n`)}E`),
  ],
  ['a heredoc of 10 MB, all variables', 10 * MIB, (n) => dockerfile(`COPY <<E /x\n${times(n / 6, '$PATH\n')}E`)],
  [
    '20,000 heredocs in a COPY',
    20_000,
    (n) =>
      dockerfile(
        long(`COPY ${lines(n, (i) => `<<E${i}`).replaceAll('\n', ' ')} /x/`),
        lines(n, (i) => `x\nE${i}`),
      ),
  ],
  ['a line of 10 MB', 10 * MIB, (n) => dockerfile(`COPY ${times(n, 'a')} /b`), { error: 'LineTooLong' }],
  ['10 MB of sources, continued', 10 * MIB, (n) => dockerfile(`COPY ${times(n / 64, `${'a'.repeat(61)} \\\n`)} /b/`)],
  [
    'a word of 10 MB, continued',
    10 * MIB,
    (n) => dockerfile(long(`COPY ${times(n, 'a')} /b`)),
    { error: 'InvalidPath' },
  ],
  ['${a:-${a:-…', MIB, (n) => dockerfile(long(`COPY ${times(n / 6, '${a:-')}x${times(n / 6, '}')} /b`))],
  ['${a:-${a:-… unclosed', MIB, (n) => dockerfile(long(`COPY ${times(n / 5, '${a:-')} /b`))],
  [
    '${a:-${a:-… 900 deep around 1 MB',
    MIB,
    (n) => dockerfile(long(`COPY ${times(900, '${a:-')}${times(n / 2, 'x/')}${times(900, '}')} /b`)),
  ],
  ['${a/${a/…', MIB, (n) => dockerfile(long(`COPY ${times(n / 5, '${a/')} /b`))],
  ['${PATH//*/x} again and again', MIB, (n) => dockerfile(long(`COPY ${times(n / 13, '${PATH//*/x}')} /b`))],
  [
    '${PATH//?/${PATH//?/…',
    MIB,
    (n) => dockerfile(long(`COPY ${times(n / 11, '${PATH//?/')}x${times(n / 11, '}')} /b`)),
  ],
  [
    'a heredoc of ${PATH//?/${PATH//?/x}}',
    MIB,
    (n) => dockerfile(`COPY <<E /x\n${times(n / 24, '${PATH//?/${PATH//?/x}}\n')}E`),
  ],
  ['${PATH##****…}', MIB, (n) => dockerfile(long(`COPY \${PATH##${times(n, '*')}z} /b`))],
  ['${PATH%%*?*?…}', MIB, (n) => dockerfile(long(`COPY \${PATH%%${times(n / 2, '*?')}z} /b`))],
  ['quotes in one another', MIB, (n) => dockerfile(long(`COPY ${times(n / 4, `"'"'`)} /b`))],
  ['quotes never closed', MIB / 4, (n) => dockerfile(long(`COPY ${times(n / 2, `" `)} /b`))],
  ['backslashes', MIB, (n) => dockerfile(long(`COPY ${times(n, '\\')}a /b`))],
  ['a JSON form of 60 KB', 60_000, (n) => dockerfile(`ENTRYPOINT [${times(n / 4, '"a",')}"b"]`)],
  ['a JSON form of 10 MB', 10 * MIB, (n) => dockerfile(long(`ENTRYPOINT [${times(n / 4, '"a",')}"b"]`))],
  ['a JSON form never closed', MIB, (n) => dockerfile(long(`ENTRYPOINT [${times(n / 4, '"a",')}`))],
  ['a JSON form that nests deep', MIB, (n) => dockerfile(long(`ENTRYPOINT ${times(n / 2, '[')}${times(n / 2, ']')}`))],
  ['[[[[… as ENTRYPOINT', MIB, (n) => dockerfile(long(`ENTRYPOINT ${times(n, '[')}`))],
  ['[[[[… as a source', MIB, (n) => dockerfile(long(`COPY ${times(n, '[')} /b`))],
  ['a long --chown', MIB, (n) => dockerfile(long(`COPY --chown=${times(n, 'a')} a /b`))],
  ['a long --chmod', MIB, (n) => dockerfile(long(`COPY --chmod=${times(n / 6, 'u+rwx,')}a=r a /b`))],
  ['a long flag that is none', MIB, (n) => dockerfile(long(`COPY --${times(n / 6, 'exclud')} a /b`))],
  ['many flags', MIB, (n) => dockerfile(long(`COPY ${times(n / 12, '--exclude=ab ')}a /b`))],
  ['many flags beyond ASCII', MIB, (n) => dockerfile(long(`COPY ${times(n / 12, '--exclude=é ')}a /b`))],
  ['a long instruction that is none', MIB, (n) => dockerfile(long(`${times(n / 4, 'COPY')} a /b`))],
  ['a long base after FROM', MIB, (n) => long(`FROM ${times(n / 2, 'a/')}b:c AS x`)],
  ['a long name after AS', MIB, (n) => long(`FROM scratch AS ${times(n, 'a')}`)],
  ['many words after FROM', MIB, (n) => long(`FROM ${times(n / 2, 'a ')}`)],
  ['a long --platform', MIB, (n) => long(`FROM --platform=${times(n / 2, 'a/')} scratch`)],
  ['# check=skip= with 10,000 rules', 10_000, (n) => `# check=skip=${times(n, 'A,')}B\n${dockerfile()}`],
  ['# check= with blanks within', 60_000, (n) => `# check=a${times(n, ' ')}b\n${dockerfile()}`],
  ['100 spaces before a comment, often', MIB, (n) => dockerfile(times(n / 100, `${' '.repeat(100)}# x\n`))],
  ['glob ****…a', 4000, (n) => () => new Glob(`${times(n, '*')}a`).match('a'.repeat(n)), { most: 2 }],
  ['glob *a*a*a…b', 4000, (n) => () => new Glob(`${times(n / 2, '*a')}b`).match('a'.repeat(n)), { most: 2 }],
  ['glob [[[[…', MIB, (n) => () => attempt(() => new Glob(times(n, '[')))],
  [
    'ignore **/**/**/…a',
    2000,
    (n) => () => new PatternSet([`${times(n / 3, '**/')}a`]).match(times(n / 2, 'b/')),
    { most: 2 },
  ],
  [
    'ignore **/a/**/a/…',
    2000,
    (n) => () => new PatternSet([`${times(n / 5, '**/a/')}z`]).match(times(n / 2, 'a/')),
    { most: 2 },
  ],
  ['ignore *a*a*a…', 2000, (n) => () => new PatternSet([`${times(n / 2, '*a')}z`]).match('a'.repeat(n)), { most: 2 }],
  [
    'ignore \\B*\\B*… and a deep path',
    1000,
    (n) => () => new PatternSet([`${times(n / 5, 'a\\B*/')}z`]).match(times(n / 2, 'a/')),
    { most: 2 },
  ],
  [
    '5,000 ignore patterns',
    5000,
    (n) => () => new PatternSet(lines(n, (i) => `**/x${i}/*`).split('\n')).match('a/b/c'),
  ],
];

function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** The least of some runs, in milliseconds of the processor: what other programs do meanwhile hardly counts. */
function timeOf(make, n, { error, runs }) {
  const made = make(Math.floor(n));
  let least = Infinity;
  for (let i = 0; i < runs; i++) {
    const started = process.cpuUsage();
    const codes = typeof made === 'function' ? made() : analyze(made);
    const { user, system } = process.cpuUsage(started);
    least = Math.min(least, (user + system) / 1000);
    if (error !== undefined && !codes.includes(error)) throw new Error(`it was not refused with ${error}`);
  }
  return least;
}

/** Below this the noise of the machine is larger than what is measured. */
const NOISE_MS = 30;
/** What an exponent may be above its limit: caches, garbage collection, other programs. Four times the input is eight times the time then, where a square is sixteen. */
const SLACK = 0.5;

function measure([name, size, make, { most = 1, error } = {}], runs) {
  timeOf(make, size / 16, { runs: 1 }); // compiled once
  const [quarter, half, whole] = [size / 4, size / 2, size].map((n) => timeOf(make, n, { error, runs }));
  const exponent = Math.log(Math.max(whole, NOISE_MS) / Math.max(quarter, NOISE_MS)) / Math.log(4);
  return { name, quarter, half, whole, exponent, most, ok: exponent <= most + SLACK };
}

const wanted = ROWS.filter(([name]) => name.includes(opt.only));
if (opt.once) {
  for (const [name, size, make, { error } = {}] of wanted) {
    console.log(name); // before it runs: what does not end is the last that was named
    timeOf(make, size / 4, { error, runs: 1 });
  }
  process.exit(0);
}

const rows = [];
for (const row of wanted) {
  let result = measure(row, Number(opt.runs));
  if (!result.ok) result = measure(row, 3 * Number(opt.runs)); // what grows too fast does so twice
  rows.push(result);
  if (opt.json) continue;
  const { name, quarter, half, whole, exponent, most, ok } = result;
  const ms = (t) => t.toFixed(1).padStart(9);
  const verdict = ok ? 'ok' : `GROWS TOO FAST: exponent ${exponent.toFixed(2)}, at most ${most}`;
  console.log(
    `${name.padEnd(46)}${ms(quarter)}${ms(half)}${ms(whole)} ms  ×${(whole / quarter).toFixed(1).padStart(5)}  ${verdict}`,
  );
}
if (opt.json) console.log(JSON.stringify(rows, null, 2));
if (opt.write) fs.writeFileSync(path.join(bench, 'results/frontend.md'), table());
process.exitCode = rows.every((r) => r.ok) ? 0 : 1;

/** What bench/results/frontend.md says. */
function table() {
  const { load, tools: _, ...rest } = machine();
  const cell = (text) => `\`${text.replaceAll('|', '\\|')}\``;
  const ms = (t) => (t < 10 ? t.toFixed(1) : t.toFixed(0));
  return [
    '# The frontend on large and hostile input',
    '',
    `Made by \`node bench/frontend.mjs --write --runs ${opt.runs}\`: milliseconds of processor time, for a quarter, half and all of the input. The`,
    'exponent is that of the growth from the quarter to the whole, 1 where four times the input takes four times as long; it is left out where the',
    `whole takes less than ${2 * NOISE_MS} ms. Method: [bench/README.md](../README.md), "Frontend".`,
    '',
    ...Object.entries({ ...rest, load }).map(([key, value]) => `- ${key}: ${value}`),
    '',
    '| input | quarter | half | whole | exponent | at most | |',
    '| --- | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows.map(
      ({ name, quarter, half, whole, exponent, most, ok }) =>
        `| ${cell(name)} | ${ms(quarter)} | ${ms(half)} | ${ms(whole)} | ${whole < 2 * NOISE_MS ? '' : exponent.toFixed(2)} | ${most} | ${ok ? 'ok' : 'too fast'} |`,
    ),
    '',
  ].join('\n');
}
