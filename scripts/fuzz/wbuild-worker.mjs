// Runs wbuild's build() in a thread, so that one that does not end can be ended.
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const load = (file) => import(pathToFileURL(`${workerData.dist}/${file}`).href);
const { build } = await load('build/build.js');
const { check } = await load('build/check/check.js');
const { isBuildKitRule } = await load('frontend/lint.js');

/** A diagnostic as check.mjs compares it; `fatal`: # check=error=true makes an error of the warning. */
function told({ code, severity, message, hint, range }) {
  const lines = range ? [range.instructionLine ?? range.start.line, range.start.line] : [];
  const fatal = severity === 'error' && hint?.endsWith('the file says # check=error=true');
  return { code, severity, message, hint, line: lines[0], lines, fatal, buildkit: isBuildKitRule(code) };
}

parentPort.on('message', async ({ checkOnly, ...options }) => {
  try {
    if (checkOnly) {
      const { diagnostics } = await check(options);
      parentPort.postMessage({ diagnostics: diagnostics.map(told) });
      return;
    }
    await build(options);
    parentPort.postMessage({ ok: true });
  } catch (error) {
    const { name, message, diagnostics, stack } = error;
    if (name === 'BuildError' && checkOnly) parentPort.postMessage({ diagnostics: diagnostics.map(told) });
    else if (name !== 'BuildError') parentPort.postMessage({ ok: false, crash: String(stack ?? message) });
    else {
      const lines = diagnostics.flatMap(({ range }) => (range ? [range.start.line, range.instructionLine] : []));
      parentPort.postMessage({
        ok: false,
        error: message,
        codes: diagnostics.map((d) => d.code),
        lines: [...new Set(lines.filter((n) => n !== undefined))],
      });
    }
  }
});
parentPort.postMessage('ready');
