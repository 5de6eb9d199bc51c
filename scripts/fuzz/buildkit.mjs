// A BuildKit reached through `docker buildx`, whose client also does what is done on the client's side of a real build (ignore files, the choice
// of what is sent): the one inside a dockerd, by the buildx in the daemon's own root, or a buildkitd, by the buildx of this machine.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const EXPORT = 'rewrite-timestamp=true,compression=uncompressed,force-compression=true';

/** Where Docker's packages put the program docker-buildx. */
const PLUGINS = '/usr/libexec/docker/cli-plugins:/usr/lib/docker/cli-plugins';
/** How buildx knows a buildkitd that it is given by address. */
const NAME = 'fuzz';

export class BuildKit {
  /**
   * @param options { rootfs, host, builder, config }: the root that docker runs in ('' for this one), the address of dockerd as seen from there;
   * or builder, the address of a buildkitd, and config, a folder for buildx to remember it in
   */
  constructor({ rootfs = '', host, builder, config }) {
    this.rootfs = rootfs;
    this.address = builder ?? host;
    this.builder = builder;
    this.daemon = builder === undefined ? { DOCKER_HOST: host } : { BUILDX_CONFIG: config, BUILDX_BUILDER: NAME };
  }

  inside(p) {
    return this.rootfs ? `/${path.relative(this.rootfs, p)}` : p;
  }

  run(argv, { timeout = 60_000, stdin } = {}) {
    const env = {
      PATH: `${PLUGINS}:${this.rootfs ? '/usr/sbin:/usr/bin:/sbin:/bin' : process.env.PATH}`,
      HOME: '/root',
      ...this.daemon,
      BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
      BUILDX_BAKE_ENTITLEMENTS_FS: '0',
    };
    if (this.rootfs) argv = ['chroot', this.rootfs, 'env', ...argv];
    return new Promise((resolve, reject) => {
      const child = spawn(argv[0], argv.slice(1), { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        child.kill('SIGKILL');
      }, timeout);
      child.stdout.on('data', (d) => {
        stdout += d;
      });
      child.stderr.on('data', (d) => {
        stderr += d;
      });
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr, late });
      });
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    });
  }

  /** @returns what answers, and its version */
  async version() {
    const ask = async (...argv) => {
      const { code, stdout, stderr } = await this.run(argv);
      if (code !== 0) throw new Error(`no daemon at ${this.address}: ${stderr}`);
      return stdout.trim();
    };
    if (this.builder === undefined)
      return `dockerd ${await ask('docker', 'version', '--format', '{{.Server.Version}}')}`;
    await ask('docker-buildx', 'create', '--name', NAME, '--driver', 'remote', this.builder);
    const [, version] = /^BuildKit version:\s*(\S+)/m.exec(await ask('docker-buildx', 'inspect')) ?? [];
    if (version === undefined) throw new Error(`no buildkitd at ${this.builder}`);
    return `buildkitd ${version}`;
  }

  /** Drops what the daemon keeps of earlier builds. */
  async prune() {
    await this.run(['docker-buildx', 'prune', '-af']);
  }

  /** Drops the contexts that it keeps, so that the next build sends all of its own. */
  async dropContexts() {
    await this.run(['docker-buildx', 'prune', '-af', '--filter', 'type=source.local']);
  }

  /** Builds many at once; that one failed cancels the others. @returns whether all were built */
  async bake(jobs) {
    const target = Object.fromEntries(
      jobs.map(({ c, paths, out }, i) => [
        `c${i}`,
        {
          context: this.inside(paths.context),
          dockerfile: this.inside(paths.dockerfile),
          contexts: Object.fromEntries(Object.entries(paths.contexts).map(([name, p]) => [name, this.inside(p)])),
          args: { SOURCE_DATE_EPOCH: String(c.epoch ?? 0) },
          platforms: [c.platform],
          ...(c.target !== undefined && { target: c.target }),
          'no-cache': true,
          output: [`type=oci,dest=${this.inside(out)},${EXPORT}`],
        },
      ]),
    );
    const file = JSON.stringify({ group: { default: { targets: Object.keys(target) } }, target });
    const { code, stderr } = await this.run(['docker-buildx', 'bake', '--progress=quiet', '-f', '-'], { stdin: file });
    this.lastError = stderr;
    return code === 0;
  }

  /** @returns { ok: true } and the archive at `out`, or { ok: false, error, line } */
  async build({ c, paths, out }) {
    const epoch = `SOURCE_DATE_EPOCH=${c.epoch ?? 0}`;
    const output = `type=oci,dest=${this.inside(out)},${EXPORT}`;
    const args = ['--no-cache', '--build-arg', epoch, '--output', output];
    const { code, stderr, late } = await this.run([...this.#command(c, paths), ...args, this.inside(paths.context)]);
    if (late) return { ok: false, error: 'BuildKit did not end', line: null, late };
    return code === 0 ? { ok: true } : failure(stderr);
  }

  /** @returns { warnings: { rule, line, detail }[] }, with { error, lines } where the file is refused */
  async check({ c, paths }) {
    const call = '--call=check,format=json';
    const { stdout, stderr } = await this.run([...this.#command(c, paths), call, this.inside(paths.context)]);
    if (!stdout.trimStart().startsWith('{')) {
      const { error, line } = failure(stderr);
      return { warnings: [], error, lines: [line].filter((n) => n !== null) };
    }
    const { warnings, buildError } = JSON.parse(stdout);
    const linesOf = ({ location }) => (location?.ranges ?? []).map(({ start }) => start.line);
    return {
      warnings: (warnings ?? []).map((w) => ({ rule: w.ruleName, line: linesOf(w)[0], detail: w.detail })),
      ...(buildError && { error: buildError.message, lines: linesOf(buildError) }),
    };
  }

  #command(c, paths) {
    const args = ['docker-buildx', 'build', '--progress=quiet', '--platform', c.platform];
    if (c.target !== undefined) args.push('--target', c.target);
    for (const [name, p] of Object.entries(paths.contexts)) args.push('--build-context', `${name}=${this.inside(p)}`);
    return [...args, '-f', this.inside(paths.dockerfile)];
  }
}

/** As record.mjs of ../shared/parity does it: the message without what is random in it, and the first line that BuildKit marks. */
function failure(log) {
  const message = (log.match(/^ERROR: (.*(?:\n(?!\s*$).*)*)/m)?.[1] ?? log.trim().split('\n').at(-1)).trim();
  const line = log.match(/^ *(\d+) \| >>> /m)?.[1] ?? message.match(/parse error on line (\d+)/)?.[1];
  const error = message
    .replace(/^(failed to build: )?(failed to solve: )+/, '')
    .replace(/^target c\d+: /, '')
    .replace(/(rpc error: code = \w+ desc = )+/, '')
    .replace(/^failed to compute cache key: /, '')
    .replace(/ \(did you mean [^)]*\?\)/g, '')
    .replace(/(failed to calculate checksum of ref) \S+ /, '$1 ')
    .replace(/\/\S*\/(?:buildkit(?:-mount)?\d+|snapshots\/\d+\/fs)(?=\/)/g, '');
  return { ok: false, error, line: line ? Number(line) : null };
}

/** Whether an OCI archive came out whole. */
export function isWhole(file) {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size < 1024 || size % 512 !== 0) return false;
  const end = Buffer.alloc(1024);
  const fd = fs.openSync(file, 'r');
  try {
    fs.readSync(fd, end, 0, 1024, size - 1024);
  } finally {
    fs.closeSync(fd);
  }
  return end.every((b) => b === 0);
}
