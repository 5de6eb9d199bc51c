// wbuild, in a thread of this process or as the program.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const WORKER = fileURLToPath(new URL('wbuild-worker.mjs', import.meta.url));
const LIMIT = 30_000;

const optionsOf = ({ c, paths, out }, cacheDir) => ({
  context: paths.context,
  file: paths.dockerfile,
  buildContexts: paths.contexts,
  ...(c.target !== undefined && { target: c.target }),
  platform: c.platform,
  outputs: [{ type: 'oci', dest: out, tar: true, names: [], ociMediaTypes: true, compression: 'uncompressed' }],
  epochSeconds: c.epoch ?? 0,
  noCache: true,
  cacheDir,
});

export class Wbuild {
  #worker;
  /** One build at a time. */
  #last = Promise.resolve();

  constructor({ dist, cacheDir }) {
    this.dist = dist;
    this.cacheDir = cacheDir;
  }

  #start() {
    return new Promise((resolve, reject) => {
      const worker = new Worker(WORKER, { workerData: { dist: this.dist }, execArgv: [] });
      worker.once('error', reject);
      worker.once('message', () => {
        worker.off('error', reject);
        resolve(worker);
      });
    });
  }

  /** @returns { ok: true } and the archive at job.out, or { ok: false, error, lines } or { ok: false, crash } */
  async build(job) {
    const result = await this.#ask(optionsOf(job, this.cacheDir));
    if (!result.ok && !result.crash && fs.existsSync(job.out))
      return { ok: false, crash: 'it failed and left an output' };
    return result;
  }

  /** @returns { diagnostics } or { crash } */
  check(job) {
    const { outputs: _, noCache: __, ...options } = optionsOf(job, this.cacheDir);
    return this.#ask({ ...options, checkOnly: true });
  }

  #ask(message) {
    const result = this.#last.then(() => this.#post(message));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #post(message) {
    this.#worker ??= await this.#start();
    const worker = this.#worker;
    const result = await new Promise((resolve) => {
      const end = (value) => {
        clearTimeout(timer);
        worker.off('message', end).off('error', onError).off('exit', onExit);
        resolve(value);
      };
      const onError = (error) => end({ ok: false, crash: String(error.stack) });
      const onExit = (code) => end({ ok: false, crash: `the thread ended with ${code}` });
      const timer = setTimeout(() => end({ ok: false, crash: `no end after ${LIMIT / 1000} s` }), LIMIT);
      worker.on('message', end).on('error', onError).on('exit', onExit);
      worker.postMessage(message);
    });
    if (result.crash) {
      await worker.terminate();
      this.#worker = undefined;
    }
    return result;
  }

  /** The same through bin/wbuild.js, which is `program`. */
  cli(program, { c, paths, out }) {
    const args = [program, 'build', '-f', paths.dockerfile, '--platform', c.platform];
    if (c.target !== undefined) args.push('--target', c.target);
    for (const [name, p] of Object.entries(paths.contexts)) args.push('--build-context', `${name}=${p}`);
    args.push('-o', `type=oci,dest=${out},compression=uncompressed`, paths.context);
    return new Promise((resolve, reject) => {
      const env = { ...process.env, SOURCE_DATE_EPOCH: String(c.epoch ?? 0), XDG_CACHE_HOME: this.cacheDir };
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
      const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT);
      let stderr = '';
      child.stderr.on('data', (d) => {
        stderr += d;
      });
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (code === 0) return resolve({ ok: true });
        if (code !== 1 || /^ +at .*:\d+:\d+\)?$/m.test(stderr))
          return resolve({ ok: false, crash: `exit code ${code ?? signal}: ${stderr}` });
        if (fs.existsSync(out)) return resolve({ ok: false, crash: 'it failed and left an output' });
        resolve({ ok: false, error: stderr, lines: [...stderr.matchAll(/:(\d+)(?!\d)/g)].map(([, n]) => Number(n)) });
      });
    });
  }

  async close() {
    await this.#worker?.terminate();
  }
}
