// Runs wbuild's build() in a thread, so that one that does not end can be ended.
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { build } = await import(pathToFileURL(`${workerData.dist}/build/build.js`).href);

parentPort.on('message', async (options) => {
  try {
    await build(options);
    parentPort.postMessage({ ok: true });
  } catch (error) {
    const { name, message, diagnostics, stack } = error;
    if (name !== 'BuildError') parentPort.postMessage({ ok: false, crash: String(stack ?? message) });
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
