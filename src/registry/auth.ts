/**
 * How a registry wants to know who asks: Basic, or a Bearer token that another server gives for a scope.
 * @see https://distribution.github.io/distribution/spec/auth/token/, …/oauth/; RFC 9110 section 11.6.1 (WWW-Authenticate)
 */
import type { Credentials } from './docker-config.js';

/** A challenge of WWW-Authenticate. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** By name in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads the header, which may hold several challenges. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const token = /\s*,?\s*([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/gy;
  for (let found = token.exec(header); found && found[0] !== ''; found = token.exec(header)) {
    const [, name = '', quoted, bare] = found;
    if (quoted === undefined && bare === undefined)
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return challenges;
}

/** What to do in a repository: `repository:team/app:pull,push`. */
export interface Scope {
  readonly repository: string;
  readonly actions: readonly ('pull' | 'push')[];
}

/** As the token server reads it. */
export function formatScope({ repository, actions }: Scope): string {
  return `repository:${repository}:${actions.join(',')}`;
}

/** The request for a token. */
export interface TokenRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly authorization?: string;
  readonly body?: string;
}

/**
 * What to ask the token server: with a password as Basic in a GET, with an identity token as a form of OAuth 2.
 * @throws TypeError when the realm is no address
 */
export function tokenRequest(
  { parameters }: Challenge,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): TokenRequest {
  const url = new URL(parameters.get('realm') ?? '');
  const service = parameters.get('service');
  if (credentials?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'wbuild',
      refresh_token: credentials.token,
      scope: scopes.join(' '),
      ...(service !== undefined && { service }),
    });
    return { method: 'POST', url, body: form.toString() };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (credentials?.kind === 'basic') url.searchParams.set('account', credentials.username);
  const authorization = basicAuthorization(credentials);
  return { method: 'GET', url, ...(authorization !== undefined && { authorization }) };
}

/** The Authorization header of a password; undefined for anything else. */
export function basicAuthorization(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind !== 'basic') return undefined;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}
