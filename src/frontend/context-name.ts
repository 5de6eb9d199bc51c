/** Names of contexts, which are names of images. */
import { BuildError } from '../diagnostic/build-error.js';
import { familiarName, parseReference } from '../oci/reference.js';

/**
 * The name of a context as buildx writes it, or undefined when it cannot be one: `app` for `app:latest` and `docker.io/library/app`.
 * @see moby/buildkit frontend/dockerui/config.go (NamedContext)
 */
export function normalizeContextName(name: string): string | undefined {
  try {
    return familiarName(parseReference(name)).replace(/:latest$/, '');
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** Whether a text does as the name of an image, and so of a context. */
export function isReference(name: string): boolean {
  return normalizeContextName(name) !== undefined;
}
