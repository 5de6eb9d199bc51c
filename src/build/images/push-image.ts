/** An image under its names to the registries that they name. */
import { fail } from '../../diagnostic/build-error.js';
import type { Target } from '../../oci/image.js';
import { formatReference, parseReference, type Reference } from '../../oci/reference.js';
import type { Emit } from '../../progress/event.js';
import { RegistryClient } from '../../registry/client.js';
import { type Env, findCredentials } from '../../registry/docker-config.js';
import { pushTarget } from '../../registry/push.js';
import type { RetryPolicy } from '../../registry/retry.js';
import type { ContentReader } from '../../store/blobs.js';

/** How registries are talked to. */
export interface RegistryOptions {
  /** HOME or DOCKER_CONFIG, where credentials are; PATH, for credential helpers; proxies. */
  readonly env: Env;
  /** http, and certificates that nobody vouches for. */
  readonly insecure: boolean;
  readonly signal?: AbortSignal | undefined;
  /** For tests. */
  readonly retry?: RetryPolicy | undefined;
}

export interface PushRequest extends RegistryOptions {
  readonly target: Target;
  readonly content: ContentReader;
  /** Normalised. */
  readonly names: readonly string[];
  /** Leaves the tags out: the image can be had by its digest alone. */
  readonly byDigest?: boolean;
  readonly emit: Emit;
}

/** Opens a registry by the first part of image names. */
export function openRegistry(domain: string, { env, insecure, signal, retry }: RegistryOptions): RegistryClient {
  return new RegistryClient({ domain, insecure, env, signal, retry, credentials: () => findCredentials(domain, env) });
}

/**
 * Pushes an image to every repository that its names name, one after the other: the next one of a registry takes the blobs from the one before.
 * @throws BuildError `InvalidReference` for a name that has a digest; what pushTarget throws
 */
export async function pushImage(request: PushRequest): Promise<void> {
  const { target, content, names, byDigest = false, emit } = request;
  const references = names.map((name) => pushable(parseReference(name)));
  for (const domain of new Set(references.map((r) => r.domain))) {
    const client = openRegistry(domain, request);
    try {
      const mine = references.filter((r) => r.domain === domain);
      const repositories = [...new Set(mine.map((r) => r.path))];
      for (const [i, repository] of repositories.entries()) {
        const tags = byDigest ? [] : mine.filter((r) => r.path === repository).flatMap((r) => r.tag ?? []);
        const mountFrom = repositories.slice(0, i);
        await pushTarget(client, { target, content, repository, tags: [...new Set(tags)], mountFrom, emit });
      }
    } finally {
      await client.close();
    }
  }
}

function pushable(reference: Reference): Reference {
  if (reference.digest === undefined) return reference;
  const hint = 'push to a tag; the digest follows from the image';
  return fail({
    code: 'InvalidReference',
    message: `${formatReference(reference)} cannot be pushed to: it has a digest`,
    hint,
  });
}
