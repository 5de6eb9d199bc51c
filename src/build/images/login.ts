/** Credentials for a registry: tried, and then kept where Docker keeps them. */

import { RegistryClient } from '../../registry/client.js';
import { type CredentialPlace, type Env, eraseCredentials, storeCredentials } from '../../registry/docker-config.js';
import type { RegistryOptions } from './push-image.js';

export interface LoginRequest extends RegistryOptions {
  readonly domain: string;
  readonly username: string;
  readonly password: string;
}

/**
 * Tries credentials, and stores them if the registry takes them.
 * @throws BuildError `RegistryDenied`, `RegistryUnreachable`, `CredentialsNotUsable`
 */
export async function login({ domain, username, password, ...options }: LoginRequest): Promise<CredentialPlace> {
  const credentials = async () => ({ kind: 'basic', username, password }) as const;
  const client = new RegistryClient({ ...options, domain, credentials });
  try {
    await client.checkLogin();
  } finally {
    await client.close();
  }
  return storeCredentials(domain, { username, password }, options.env);
}

/** Forgets the credentials of a registry. Whether there were any. @throws BuildError `CredentialsNotUsable` */
export function logout(domain: string, env: Env): Promise<boolean> {
  return eraseCredentials(domain, env);
}
