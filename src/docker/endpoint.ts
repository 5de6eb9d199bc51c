/**
 * Where Docker is, as its own command line finds it: DOCKER_HOST, DOCKER_CONTEXT, the current context, the default socket.
 * @see docker/cli cli/command/cli.go (resolveContextName), cli/context/store
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { quote } from '../util/text.js';

export type Env = Readonly<Record<string, string | undefined>>;

export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** The certificate of the daemon is not checked. */
  readonly skipVerify: boolean;
}

/** What to connect to. */
export type DockerEndpoint = {
  /** For messages: `unix:///var/run/docker.sock`. */
  readonly shown: string;
  /** Whether somebody named it; if not, another program may do as well. */
  readonly chosen: boolean;
} & ({ readonly socketPath: string } | { readonly host: string; readonly port: number; readonly tls?: TlsFiles });

/** Where daemons of the machine listen unless they are told otherwise. Tests have others. */
export interface MachineSockets {
  readonly docker: string;
  readonly podman: string;
}

export const MACHINE_SOCKETS: MachineSockets = { docker: '/var/run/docker.sock', podman: '/run/podman/podman.sock' };

/**
 * Finds the endpoint.
 * @param context a name that wins over the environment: `-o type=docker,context=NAME`
 * @throws BuildError `DockerUnreachable` for a context that is not there, or an address of a kind that wbuild does not speak
 */
export function findDocker(env: Env, context?: string, { docker } = MACHINE_SOCKETS): DockerEndpoint {
  const folder = env.DOCKER_CONFIG || path.join(env.HOME || homedir(), '.docker');
  const name = context ?? (env.DOCKER_HOST ? undefined : env.DOCKER_CONTEXT || currentContext(folder));
  if (name !== undefined && name !== 'default') return fromContext(folder, name);
  if (env.DOCKER_HOST && context === undefined) return parseHost(env.DOCKER_HOST, envTls(env, folder), true);
  return parseHost(`unix://${docker}`, undefined, context !== undefined);
}

/** Sockets of programs that speak Docker's API when Docker is not there: podman, for this user and for the machine. */
export function otherSockets(env: Env, { podman } = MACHINE_SOCKETS): DockerEndpoint[] {
  const candidates = [env.XDG_RUNTIME_DIR && path.join(env.XDG_RUNTIME_DIR, 'podman/podman.sock'), podman];
  return candidates.flatMap((socketPath) =>
    socketPath && existsSync(socketPath) ? [{ socketPath, shown: `unix://${socketPath}`, chosen: false }] : [],
  );
}

function currentContext(folder: string): string | undefined {
  try {
    const { currentContext: name } = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) ?? {};
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined; // without a file, or with one that is damaged, there is the default
  }
}

function fromContext(folder: string, name: string): DockerEndpoint {
  const id = createHash('sha256').update(name).digest('hex');
  let endpoint: { Host?: unknown; SkipTLSVerify?: unknown } | undefined;
  try {
    const meta = JSON.parse(readFileSync(path.join(folder, 'contexts/meta', id, 'meta.json'), 'utf8'));
    endpoint = meta?.Endpoints?.docker;
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'is not there' : `cannot be read: ${describeErrno(error)}`;
    return unreachable(`the Docker context ${quote(name)} ${why}`, 'docker context ls lists them');
  }
  const host = endpoint?.Host;
  if (typeof host !== 'string' || host === '')
    return unreachable(`the Docker context ${quote(name)} names no host`, 'docker context ls lists them');
  const tls = readTls(path.join(folder, 'contexts/tls', id, 'docker'), endpoint?.SkipTLSVerify === true);
  return parseHost(host, tls, true);
}

/** DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as docker reads them: any value of the first turns TLS on. */
function envTls(env: Env, folder: string): TlsFiles | undefined {
  if (!env.DOCKER_TLS_VERIFY && !env.DOCKER_TLS) return undefined;
  return readTls(env.DOCKER_CERT_PATH || folder, !env.DOCKER_TLS_VERIFY) ?? { skipVerify: !env.DOCKER_TLS_VERIFY };
}

function readTls(folder: string, skipVerify: boolean): TlsFiles | undefined {
  const read = (name: string) => {
    const file = path.join(folder, name);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  if (!ca && !cert && !key && !skipVerify) return undefined;
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), skipVerify };
}

function parseHost(text: string, tls: TlsFiles | undefined, chosen: boolean): DockerEndpoint {
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === 'unix' && rest.startsWith('/')) return { socketPath: rest, shown: text, chosen };
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(rest) ?? [];
  if ((scheme === 'tcp' || scheme === 'http' || scheme === 'https') && host !== undefined) {
    const at = { host: host.replace(/^\[|\]$/g, ''), port: Number(port), shown: text, chosen };
    return { ...at, ...((tls || scheme === 'https') && { tls: tls ?? { skipVerify: false } }) };
  }
  const hint =
    scheme === 'ssh'
      ? 'forward its socket, ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, and set DOCKER_HOST=unix:///tmp/docker.sock'
      : 'write unix:///path or tcp://host:port';
  return unreachable(`wbuild does not speak to ${quote(text)}`, hint);
}

function unreachable(message: string, hint: string): never {
  return fail({ code: 'DockerUnreachable', message, hint });
}
