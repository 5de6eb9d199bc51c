/** Where a builder is, as typed after --builder → where to connect. Pure: files and environment are the caller's. */
import { fail } from '../diagnostic/build-error.js';
import { quote } from '../util/text.js';

/** Which builders there are, and who we are to them: what the command line says. */
export interface BuilderOptions {
  /** As typed, separated by commas: `unix:///path`, `tcp://host:port`, `docker`. */
  readonly addresses: string;
  /** Where `docker` is; undefined: the default socket. */
  readonly dockerHost?: string;
  /** Files of PEM: who may have signed the builder's certificate, and our own. Any of them makes tcp:// speak TLS. */
  readonly tlsCaCert?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** The name that the builder's certificate must bear, when it is not the host of the address. */
  readonly tlsServerName?: string;
  /** Caches that the daemon writes and reads, of any type that it knows. */
  readonly cacheTo?: readonly TypedAttrs[];
  readonly cacheFrom?: readonly TypedAttrs[];
}

/** Something with a type and attributes, as BuildKit has exporters and caches. */
export interface TypedAttrs {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** The files of `--tlscacert`, `--tlscert` and `--tlskey`, read. */
export interface TlsMaterial {
  /** Certificates that may have signed the builder's; undefined: those that Node knows. */
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  /** The name that the builder's certificate must bear, when it is not the host of the address. */
  readonly serverName?: string;
}

/** What to connect to. */
export interface BuilderAddress {
  /** As typed, for messages and for choosing a builder. */
  readonly shown: string;
  /** What answers there; `unknown` is found out by asking. */
  readonly kind: 'buildkit' | 'docker' | 'unknown';
  readonly at: { readonly path: string } | { readonly host: string; readonly port: number };
  /** Over TCP only: whether the connection is encrypted. */
  readonly tls?: TlsMaterial;
}

/** Where dockerd listens when nothing else is said. */
const DOCKER_SOCKET = '/var/run/docker.sock';

export interface AddressContext {
  /** DOCKER_HOST, for the word `docker`. */
  readonly dockerHost?: string | undefined;
  readonly tls?: TlsMaterial | undefined;
}

/**
 * `unix:///path`, `tcp://host:port`, a path of a socket, or `docker` (DOCKER_HOST, or the default socket). A socket may be BuildKit's or dockerd's.
 * @throws BuildError `Usage`
 */
export function parseAddress(text: string, { dockerHost, tls }: AddressContext): BuilderAddress {
  if (text === 'docker') {
    const host = dockerHost || `unix://${DOCKER_SOCKET}`;
    return { ...locate(host, tls, 'DOCKER_HOST'), shown: text, kind: 'docker' };
  }
  return { ...locate(text, tls, '--builder'), shown: text };
}

function locate(text: string, tls: TlsMaterial | undefined, option: string): Omit<BuilderAddress, 'shown'> {
  const [, scheme = text.startsWith('/') ? 'unix' : '', rest = text] =
    /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme === 'unix' && rest.startsWith('/')) return { kind: 'unknown', at: { path: rest } };
  if (scheme === 'tcp') {
    const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:/[\]]+):(\d{1,5})\/?$/i.exec(rest) ?? [];
    if (host !== undefined && Number(port) > 0 && Number(port) < 65_536) {
      const at = { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
      return { kind: 'buildkit', at, ...(tls && { tls }) };
    }
  }
  return fail({
    code: 'Usage',
    message: `${option} ${quote(text)} is no address of a builder`,
    hint: hintFor(scheme, rest),
  });
}

function hintFor(scheme: string, rest: string): string {
  if (scheme === 'tcp') return 'write tcp://host:port, for example tcp://builder:1234';
  if (scheme === 'unix') return 'write unix:// and an absolute path: unix:///run/buildkit/buildkitd.sock';
  if (scheme === 'ssh')
    return `forward the socket and name that: ssh -L /tmp/b.sock:/run/buildkit/buildkitd.sock ${rest || 'HOST'}`;
  if (scheme === 'docker-container' || scheme === 'kube-pod')
    return 'expose the builder as unix:// or tcp://, for example by kubectl port-forward';
  const names = scheme === '' ? 'builders have no names here: ' : '';
  return `${names}it is docker, unix:///path/to/socket or tcp://host:port; several are separated by commas`;
}

/**
 * The addresses of `--builder a,b,c`, each once.
 * @throws BuildError `Usage`
 */
export function parseAddresses(text: string, context: AddressContext): BuilderAddress[] {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length === 0) fail({ code: 'Usage', message: '--builder names no builder', hint: hintFor('', '') });
  return words.map((word) => parseAddress(word, context));
}
