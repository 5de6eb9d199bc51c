/**
 * Docker's configuration file, as far as it is about credentials, and credential helpers. What else is in the file stays as it is.
 * @see docker/cli cli/config/configfile, cli/config/credentials; github.com/docker/docker-credential-helpers (the protocol)
 */
import { spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { printable } from '../diagnostic/display.js';
import { writeFileAtomically } from '../util/atomic-write.js';
import { quote } from '../util/text.js';
import { credentialKey } from './endpoint.js';

export type Env = Readonly<Record<string, string | undefined>>;

/** Who we are to a registry: a name with a password, or a token that stands for an account. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string }
  | { readonly kind: 'registry-token'; readonly token: string };

type JsonObject = { [key: string]: unknown };

/** What a helper writes as the user name of an identity token. */
const TOKEN_USER = '<token>';
const HELPER_MS = 60_000;
const MAX_HELPER_OUTPUT = 1024 * 1024;

/** Where the file is: DOCKER_CONFIG is its folder. */
function dockerConfigPath({ DOCKER_CONFIG: folder, HOME: home }: Env): string {
  return path.join(folder || path.join(home || homedir(), '.docker'), 'config.json');
}

/**
 * The credentials for a registry; undefined when there are none.
 * @param host the registry as image names have it: `docker.io`, `localhost:5000`
 * @throws BuildError `CredentialsNotUsable`
 */
export async function findCredentials(host: string, env: Env): Promise<Credentials | undefined> {
  const config = readConfig(dockerConfigPath(env));
  const key = credentialKey(host);
  const helper = helperFor(config, key, host);
  if (helper !== undefined) {
    const found = await callHelper(helper, 'get', key, env);
    const credentials = found === undefined ? undefined : fromHelper(helper, found);
    if (credentials) return credentials;
  }
  return fromAuths(objectOf(config.auths), key, host);
}

/** Where credentials were stored: a helper, or the file itself, which does not encrypt. */
export type CredentialPlace = { readonly helper: string } | { readonly file: string };

/** Stores credentials, by the helper that the file names or in the file. @throws BuildError `CredentialsNotUsable` */
export async function storeCredentials(
  host: string,
  { username, password }: { readonly username: string; readonly password: string },
  env: Env,
): Promise<CredentialPlace> {
  const file = dockerConfigPath(env);
  const config = readConfig(file);
  const key = credentialKey(host);
  const helper = helperFor(config, key, host);
  if (helper !== undefined) {
    const document = JSON.stringify({ ServerURL: key, Username: username, Secret: password });
    await callHelper(helper, 'store', document, env);
    // docker keeps an empty entry, by which it lists the registries it is logged in to
    await writeConfig(file, { ...config, auths: { ...objectOf(config.auths), [key]: {} } });
    return { helper };
  }
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  await writeConfig(file, { ...config, auths: { ...objectOf(config.auths), [key]: { auth } } });
  return { file };
}

/** Forgets credentials, wherever they are. Whether there were any. @throws BuildError `CredentialsNotUsable` */
export async function eraseCredentials(host: string, env: Env): Promise<boolean> {
  const file = dockerConfigPath(env);
  const config = readConfig(file);
  const key = credentialKey(host);
  const helper = helperFor(config, key, host);
  let found = false;
  if (helper !== undefined) {
    found = (await callHelper(helper, 'get', key, env)) !== undefined;
    if (found) await callHelper(helper, 'erase', key, env);
  }
  const auths = objectOf(config.auths);
  const doomed = Object.keys(auths).filter((name) => isFor(name, key, host));
  if (doomed.length === 0) return found;
  const kept = Object.fromEntries(Object.entries(auths).filter(([name]) => !doomed.includes(name)));
  await writeConfig(file, { ...config, auths: kept });
  return true;
}

function readConfig(file: string): JsonObject {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return {};
    return unusable(`${file} cannot be read: ${describeErrno(error)}`, 'make it readable, or set DOCKER_CONFIG', error);
  }
  if (text.trim() === '') return {};
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as JsonObject;
  } catch {
    // said below, without the error: it quotes the text, in which there are passwords
  }
  return unusable(`${file} is no JSON object`, 'mend it, or set DOCKER_CONFIG to another folder');
}

/** Written by rename, readable for its owner alone; a symbolic link stays one. */
async function writeConfig(file: string, config: JsonObject): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    let target = file;
    try {
      target = realpathSync(file);
    } catch {
      // it is not there yet
    }
    await writeFileAtomically(target, Buffer.from(`${JSON.stringify(config, undefined, '\t')}\n`), { chmod: 0o600 });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    unusable(`${file} cannot be written: ${describeErrno(error)}`, 'make it writable, or set DOCKER_CONFIG', error);
  }
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

/** The helper for one registry, or the one for all. */
function helperFor(config: JsonObject, key: string, host: string): string | undefined {
  const own = objectOf(config.credHelpers);
  const name = own[host] ?? own[key] ?? config.credsStore;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function fromAuths(auths: JsonObject, key: string, host: string): Credentials | undefined {
  const name = Object.hasOwn(auths, key) ? key : Object.keys(auths).find((candidate) => isFor(candidate, key, host));
  const entry = objectOf(name === undefined ? undefined : auths[name]);
  const text = (field: string) => (typeof entry[field] === 'string' && entry[field] !== '' ? entry[field] : undefined);
  const [identity, registry, auth] = [text('identitytoken'), text('registrytoken'), text('auth')];
  if (identity !== undefined) return { kind: 'identity-token', token: identity };
  if (registry !== undefined) return { kind: 'registry-token', token: registry };
  const [username, password] = [text('username'), text('password')];
  if (username !== undefined && password !== undefined) return { kind: 'basic', username, password };
  if (auth === undefined) return undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (colon > 0) return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  return unusable(`the entry of ${host} in Docker's configuration is damaged`, `log in again: wbuild login ${host}`);
}

/** Entries may be written as addresses: `https://host/v1/`. */
function isFor(name: string, key: string, host: string): boolean {
  const plain = name.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return name === key || plain === host;
}

function fromHelper(helper: string, text: string): Credentials | undefined {
  let found: { Username?: unknown; Secret?: unknown };
  try {
    found = objectOf(JSON.parse(text));
  } catch {
    return unusable(`the credential helper ${helper} gave no JSON`, 'check what credsStore and credHelpers name');
  }
  const { Username: username, Secret: secret } = found;
  if (typeof username !== 'string' || typeof secret !== 'string' || secret === '') return undefined;
  if (username === TOKEN_USER) return { kind: 'identity-token', token: secret };
  return { kind: 'basic', username, password: secret };
}

/** How helpers say that they have nothing; they exit with 1 all the same. */
const NOT_FOUND = /credentials not found|no credentials|not found in native keychain/i;

/**
 * Runs `docker-credential-<helper> <verb>` with `input` on its standard input: secrets are in no argument and no environment.
 * @returns its output; undefined when it has no such credentials
 */
async function callHelper(helper: string, verb: string, input: string, env: Env): Promise<string | undefined> {
  if (!/^[\w.-]+$/.test(helper)) {
    return unusable(`${quote(helper)} is no name of a credential helper`, 'mend credsStore or credHelpers');
  }
  const program = `docker-credential-${helper}`;
  const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'ignore'], env: { ...env }, timeout: HELPER_MS });
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_HELPER_OUTPUT) chunks.push(chunk);
    else child.kill();
  });
  child.stdin.on('error', () => undefined); // a helper may end without reading
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).catch((error) => {
    const why = errnoOf(error) === 'ENOENT' ? 'is not on the PATH' : `cannot be run: ${describeErrno(error)}`;
    return unusable(`${program} ${why}`, 'install it, or take it out of credsStore and credHelpers', error);
  });
  const text = Buffer.concat(chunks).toString('utf8');
  if (code === 0) return text;
  if (NOT_FOUND.test(text)) return undefined;
  const said = verb === 'get' ? printable(text.trim()).slice(0, 200) : '';
  return unusable(`${program} ${verb} failed${said ? `: ${said}` : ''}`, 'try it on the command line');
}

function unusable(message: string, hint: string, cause?: unknown): never {
  return fail({ code: 'CredentialsNotUsable', message, hint }, cause);
}
