import type { Digest } from '../util/digest.js';

/**
 * What points at a blob. `size` in bytes.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}

/** An OCI platform, normalised (platform.ts): `amd64`, never `x86_64`. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}
