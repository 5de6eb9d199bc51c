/** What a registry, or the way to it, can do to a push or a pull, in words. No header, token or query of an address ever enters one. */
import { fail } from '../diagnostic/build-error.js';
import { printable } from '../diagnostic/display.js';

/** An answer that is no success. */
export interface Refusal {
  readonly status: number;
  /** The codes and messages of its JSON, if it is such a document. */
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

/** The longest text of a registry that is repeated. */
const MAX_QUOTED = 300;

/**
 * Reads the error document of a registry.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
export function parseRefusal(status: number, body: string): Refusal {
  let list: unknown;
  try {
    list = (JSON.parse(body) as { errors?: unknown } | null)?.errors;
  } catch {
    list = undefined;
  }
  const errors = (Array.isArray(list) ? list : []).flatMap((item: unknown) => {
    const { code, message } = (item ?? {}) as { code?: unknown; message?: unknown };
    return typeof code === 'string' ? [{ code, message: typeof message === 'string' ? message : '' }] : [];
  });
  return { status, errors };
}

/** `denied: requested access to the resource is denied`, or `status 502`. */
function describeRefusal({ status, errors }: Refusal): string {
  if (errors.length === 0) return `status ${status}`;
  const text = errors.map(({ code, message }) => (message ? `${message} (${code})` : code)).join('; ');
  return `${printable(text).slice(0, MAX_QUOTED)}, status ${status}`;
}

/** What is tried when credentials are. */
export const LOGGING_IN = 'logging in';

/** Throws what an answer comes to. `what` was tried: "pushing app:1". */
export function refused(what: string, host: string, refusal: Refusal): never {
  const { status, errors } = refusal;
  const why = describeRefusal(refusal);
  if (status === 401 || status === 403 || errors.some(({ code }) => code === 'DENIED' || code === 'UNAUTHORIZED')) {
    const hint = what.startsWith(LOGGING_IN)
      ? 'check the user name, and the password or token'
      : `log in with wbuild login ${host} -u USER --password-stdin, and check that the account may do this`;
    return fail({ code: 'RegistryDenied', message: `${what}: ${host} refuses: ${why}`, hint });
  }
  if (status === 404) {
    const hint = 'check the name; a repository that is private may look like one that is not there';
    return fail({ code: 'RegistryNotFound', message: `${what}: ${host} does not have it: ${why}`, hint });
  }
  if (status === 429) {
    const hint = 'wait a while, or log in: the limit of an account is higher';
    return fail({ code: 'RegistryFailed', message: `${what}: ${host} takes no more requests for now: ${why}`, hint });
  }
  return fail({ code: 'RegistryFailed', message: `${what}: ${host} answers ${why}` });
}

/** Throws for an answer that makes no sense, or means harm. */
export function malformed(what: string, host: string, problem: string): never {
  const hint = 'this is a mistake of the registry, or of a proxy in front of it';
  return fail({ code: 'RegistryFailed', message: `${what}: the answer of ${host} cannot be used: ${problem}`, hint });
}
