/** Registries of the test's own, of the real program: with passwords, with tokens, and behind a proxy that does harm. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey, sign, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';

const { PEERS_ROOTFS, PEERS_EXCHANGE } = process.env;

export const ACCOUNT = { username: 'tester', password: 'registry-pass' } as const;

/** The line of `htpasswd -B` for the account. */
const HTPASSWD = 'tester:$2y$05$abcdefghijklmnopqrstuuPjvWZA9Te8qmmwSCy0c40HUw16Nv/I6\n';

/** Signs the tokens of these tests, and nothing else anywhere. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkg7+w503LmeOSpMG
oAz0QRH6+mK/4YmSwROF1Z26XA6hRANCAATWIlUoB7PbvHLAbE0tOo2YFEg57Cvu
vFqNcppTQ4+0+WW4gcR5UD04ypQ3rhKTGVvYBnQmsu7uCU9oXKVAxrpw
-----END PRIVATE KEY-----
`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIUO/xq56/FWSWtnk0fdMMQ4CjqYoYwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSd2J1aWxkIHRlc3QgdG9rZW5zMCAXDTI2MTEyNDE1Mzg0MFoY
DzIxMjYxMDMxMTUzODQwWjAdMRswGQYDVQQDDBJ3YnVpbGQgdGVzdCB0b2tlbnMw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATWIlUoB7PbvHLAbE0tOo2YFEg57Cvu
vFqNcppTQ4+0+WW4gcR5UD04ypQ3rhKTGVvYBnQmsu7uCU9oXKVAxrpwo1MwUTAd
BgNVHQ4EFgQU+nAXMn+mqSu7wpTrZqLKiWhoVTswHwYDVR0jBBgwFoAU+nAXMn+m
qSu7wpTrZqLKiWhoVTswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF
AiEA/aYsOXk1KT77HU5FxTRrgAVW0BguEC/B+ScHCmjtmoQCIFRSp9NW/df1mfvx
Ic+EWJfJRwcWkfeAZVtfV7oYWkH6
-----END CERTIFICATE-----
`;

export interface OwnRegistry {
  readonly host: string;
  /** Ends the process as a power cut would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface OwnRegistryOptions {
  /** A folder of the exchange that only this registry uses. */
  readonly folder: string;
  readonly auth?: { readonly kind: 'htpasswd' } | { readonly kind: 'token'; readonly realm: string };
}

/** Starts `docker-registry` among the peers, on a port of its own. */
export async function startRegistry({ folder, auth }: OwnRegistryOptions): Promise<OwnRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const among = (name: string) => path.join(folder, name).replace(PEERS_EXCHANGE!, '/exchange');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'htpasswd'), HTPASSWD);
  fs.writeFileSync(path.join(folder, 'cert.pem'), CERTIFICATE);
  const auths = {
    htpasswd: `auth: {htpasswd: {realm: test, path: ${among('htpasswd')}}}`,
    token: `auth: {token: {realm: ${auth?.kind === 'token' ? auth.realm : ''}, service: own, issuer: test, rootcertbundle: ${among('cert.pem')}}}`,
  };
  const config = [
    'version: 0.1',
    'log: {level: error}',
    `storage: {filesystem: {rootdirectory: ${among('data')}}, delete: {enabled: true}}`,
    `http: {addr: "${host}"}`,
    auth ? auths[auth.kind] : '',
  ];
  fs.writeFileSync(path.join(folder, 'config.yml'), config.join('\n'));
  let child: ChildProcess | undefined;
  const registry: OwnRegistry = {
    host,
    async start() {
      const command = ['docker-registry', 'serve', among('config.yml')];
      const env = ['/usr/bin/env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];
      child = spawn('chroot', [PEERS_ROOTFS!, ...env, ...command], { cwd: '/', stdio: 'ignore' });
      for (let i = 0; ; i++) {
        const up = await fetch(`http://${host}/v2/`).then(
          (answer) => answer.body?.cancel().then(() => true) ?? true, // a body that nobody reads keeps its connection
          () => false,
        );
        if (up) return;
        if (i > 300 || child.exitCode !== null) throw new Error('docker-registry does not start');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async kill() {
      if (!child) return;
      const ended = new Promise((resolve) => child!.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      child = undefined;
    },
    close: () => registry.kill(),
  };
  await registry.start();
  return registry;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface TokenServer {
  readonly realm: string;
  /** The scopes that were asked for. */
  readonly scopes: string[];
  close(): Promise<void>;
}

/** Gives tokens that the registry takes to whoever knows the password. */
export async function startTokenServer(): Promise<TokenServer> {
  const scopes: string[] = [];
  const basic = `Basic ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64')}`;
  const server = http.createServer((request, response) => {
    const asked = new URL(request.url!, 'http://x').searchParams.getAll('scope');
    scopes.push(...asked);
    if (request.headers.authorization !== basic) return response.writeHead(401).end();
    const access = asked.map((scope) => {
      const [, type, name, actions] = /^(\w+):(.*):([^:]*)$/.exec(scope)!;
      return { type, name, actions: actions!.split(',') };
    });
    return response.end(JSON.stringify({ token: jwt(access) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, scopes, close };
}

/** @see https://distribution.github.io/distribution/spec/auth/jwt/ */
function jwt(access: readonly object[]): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const der = new X509Certificate(CERTIFICATE).raw.toString('base64');
  const header = part({ typ: 'JWT', alg: 'ES256', x5c: [der] });
  const times = { exp: now + 600, nbf: now - 60, iat: now - 60 };
  const claims = part({ iss: 'test', sub: 'tester', aud: 'own', jti: String(Math.random()), access, ...times });
  const text = `${header}.${claims}`;
  const signature = sign('sha256', Buffer.from(text), { key: KEY, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** That the key is that of the certificate. */
export function keyFits(): boolean {
  const spki = (key: ReturnType<typeof createPublicKey>) => key.export({ type: 'spki', format: 'pem' });
  return spki(createPublicKey(KEY)) === spki(new X509Certificate(CERTIFICATE).publicKey);
}

export interface FaultProxy {
  readonly host: string;
  /** How many requests were harmed, by kind. */
  readonly harm: Map<string, number>;
  close(): Promise<void>;
}

const FAULTS = ['dropped before', 'dropped in the middle', 'answer cut', 'answer lost', '429', '500'] as const;

/** Passes requests on to a registry, and harms about one in `every`, as its seed says. */
export async function startFaultProxy(
  target: string,
  { seed, every }: { seed: number; every: number },
): Promise<FaultProxy> {
  const harm = new Map<string, number>();
  const random = mulberry32(seed);
  const server = http.createServer((request, response) => {
    const fault = random() * every < 1 ? FAULTS[Math.floor(random() * FAULTS.length)]! : undefined;
    if (fault !== undefined) harm.set(fault, (harm.get(fault) ?? 0) + 1);
    if (fault === 'dropped before') return request.socket.destroy();
    if (fault === '429' || fault === '500') {
      request.resume();
      return response.writeHead(Number(fault), { 'retry-after': '0' }).end('{"errors":[{"code":"TOOMANYREQUESTS"}]}');
    }
    const [hostname, port] = target.split(':');
    const { method, url, headers } = request;
    const onward = http.request({ hostname, port, method, path: url, headers });
    onward.on('error', () => request.socket.destroy());
    onward.on('response', (answer) => {
      if (fault === 'answer lost') {
        answer.destroy();
        return request.socket.destroy();
      }
      response.writeHead(answer.statusCode!, answer.headers);
      if (fault === 'answer cut') {
        response.flushHeaders();
        answer.once('data', (chunk: Buffer) =>
          response.write(chunk.subarray(0, chunk.length >> 1), () => request.socket.destroy()),
        );
        answer.once('end', () => request.socket.destroy());
        return answer;
      }
      answer.on('error', () => request.socket.destroy());
      return answer.pipe(response);
    });
    if (fault === 'dropped in the middle')
      request.once('data', () => {
        onward.destroy();
        request.socket.destroy();
      });
    request.on('error', () => onward.destroy());
    return request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, harm, close };
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
