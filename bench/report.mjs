/** Results as text: tables for people (docs/performance.md takes them as they are), JSON, and a chart. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { median } from './goals.mjs';
import { PROGRAMS, STARTUP } from './programs.mjs';
import { WORKLOADS } from './workloads.mjs';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const CASES = { cold: 'cold', same: 'no change', changed: 'one byte changed' };
const TITLES = { node: 'node -e 0', version: 'wbuild --version' };

/** A pipe is no end of a table's cell. */
const cell = (text) => text.replaceAll('|', '\\|');
const titleOf = (program) => PROGRAMS[program]?.title ?? TITLES[program];
const seconds = (list) => (list ? median(list).toPrecision(median(list) < 1 ? 2 : 3) : '');

/** The machine and the programs, by their own words. */
export function machine() {
  const ask = (command, args) => {
    try {
      return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0];
    } catch {
      return undefined;
    }
  };
  const [cpu] = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const load = os.loadavg().map((n) => n.toFixed(1));
  return {
    processor: `${os.cpus().length} × ${cpu?.model.trim()}`,
    memory: `${memory} GiB`,
    system: `${os.type()} ${os.release().split('-')[0]}, ${os.arch()}`,
    node: process.version,
    tools: ['tar', 'gzip', 'pigz', 'sha256sum']
      .map((tool) => ask(tool, ['--version']))
      .filter(Boolean)
      .join('; '),
    load: `${load.join(', ')} (1, 5, 15 minutes) at the end`,
  };
}

function timesTable({ times, rows }) {
  const lines = ['| workload | program | cold | no change | one byte changed |', '| --- | --- | --- | --- | --- |'];
  for (const row of rows) {
    for (const program of [...Object.keys(PROGRAMS), ...Object.keys(STARTUP)]) {
      const cells = Object.keys(CASES).map((c) => seconds(times.get(`${row}/${program}/${c}`)));
      if (cells.some(Boolean))
        lines.push(`| ${WORKLOADS[row].title} | ${cell(titleOf(program))} | ${cells.join(' | ')} |`);
    }
  }
  return lines;
}

function goalsTable(verdicts) {
  const number = (n) => (n >= 10 ? n.toFixed(0) : n.toFixed(2));
  const lines = ['| goal | at most | measured | |', '| --- | --- | --- | --- |'];
  for (const { goal, ratio, met } of verdicts)
    lines.push(`| ${cell(goal.about)} | ${goal.goal} | ${number(ratio)} | ${met ? 'met' : 'not met'} |`);
  return lines;
}

/** Bars of seconds on a logarithmic scale, a block a workload: cold in full colour, the others lighter. */
function chart({ times, rows }) {
  const bars = [];
  for (const row of rows) {
    bars.push({ title: WORKLOADS[row].title });
    for (const program of Object.keys(PROGRAMS))
      for (const [c, label] of Object.entries(CASES)) {
        const list = times.get(`${row}/${program}/${c}`);
        if (list) bars.push({ label: `${titleOf(program)}, ${label}`, value: median(list) });
      }
  }
  const values = bars.filter((b) => b.value).map((b) => b.value);
  const [low, high] = [Math.min(...values) / 1.5, Math.max(...values)];
  const width = (value) => (520 * Math.log(value / low)) / Math.log(high / low);
  const lines = [];
  let y = 30;
  for (const bar of bars) {
    if (bar.title) {
      y += 12;
      lines.push(`<text x="10" y="${y}" font-weight="bold">${bar.title}</text>`);
    } else {
      const ours = bar.label.startsWith('wbuild');
      const fill = ours ? '#1f6feb' : '#9aa4af';
      const w = width(bar.value).toFixed(1);
      lines.push(`<text x="290" y="${y}" text-anchor="end">${bar.label.replace(/&/g, '&amp;')}</text>`);
      lines.push(`<rect x="300" y="${y - 10}" width="${w}" height="12" fill="${fill}"/>`);
      lines.push(`<text x="${(305 + Number(w)).toFixed(1)}" y="${y}">${bar.value.toPrecision(2)} s</text>`);
    }
    y += 17;
  }
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="${y + 10}" font-family="sans-serif" font-size="12">`;
  const about = '<text x="10" y="18">Seconds, median, logarithmic scale; shorter is better</text>';
  return [head, '<rect width="100%" height="100%" fill="#fff"/>', about, ...lines, '</svg>', ''].join('\n');
}

/** Prints the tables; with `write`, keeps them in bench/results. */
export function writeReport({ times, memory, verdicts, runs, rows, write }) {
  const about = machine();
  const peaks = [...memory].map(([cell, mib]) => `${cell}: ${mib.toFixed(0)} MiB`);
  const text = [
    '# Results',
    '',
    `Made by \`npm run bench -- --write --runs ${runs} --rows ${rows.join()}\`: seconds, medians; ratios are medians of the ratios round by round.`,
    '',
    ...Object.entries(about).map(([key, value]) => `- ${key}: ${value}`),
    '',
    ...timesTable({ times, rows }),
    '',
    ...goalsTable(verdicts),
    '',
  ].join('\n');
  console.log(`\n${text}\npeak memory, cold: ${peaks.join(', ')}`);
  if (!write) return;
  fs.mkdirSync(RESULTS, { recursive: true });
  fs.writeFileSync(`${RESULTS}results.md`, text);
  fs.writeFileSync(`${RESULTS}results.svg`, chart({ times, rows }));
  const json = { machine: about, seconds: Object.fromEntries(times), peakMiB: Object.fromEntries(memory) };
  fs.writeFileSync(`${RESULTS}results.json`, `${JSON.stringify(json, null, 1)}\n`);
}
