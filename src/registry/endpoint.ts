/** Where the API of a registry is, and what Docker calls it in its configuration. */
import { isLoopback } from './transport.js';

/** The registry of names without one. Its API and its entry in Docker's configuration have names of their own, for historical reasons. */
const DEFAULT_DOMAIN = 'docker.io';
const DEFAULT_API = 'registry-1.docker.io';
const DEFAULT_KEY = 'https://index.docker.io/v1/';

/** The host of the API. */
export function apiHost(domain: string): string {
  return domain === DEFAULT_DOMAIN ? DEFAULT_API : domain;
}

/** The key of `auths` in Docker's configuration, and the server that credential helpers are asked about. */
export function credentialKey(domain: string): string {
  return domain === DEFAULT_DOMAIN ? DEFAULT_KEY : domain;
}

/** Whether plain http may be tried: on this machine, or when it is asked for. */
export function mayUseHttp(domain: string, insecure: boolean): boolean {
  return insecure || isLoopback(domain);
}
