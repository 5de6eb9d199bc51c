/** The variables that FROM knows, and the one that every stage knows. */
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import type { Env } from './expand.js';

/** PATH as BuildKit sets it in every image (util/system/path.go). */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Within a stage only PATH is set, since ENV and ARG are outside the subset. */
export const STAGE_ENV: Env = new Map([['PATH', DEFAULT_PATH]]);

/**
 * The platform that BUILD* describe: in BuildKit that of the daemon. Here one and the same on every machine, since an
 * image must not depend on where it is built.
 */
const BUILD_PLATFORM: Platform = { os: 'linux', architecture: 'amd64' };

/**
 * The variables of FROM.
 * @param target the platform as given, aliases resolved, not normalised
 * @param stage --target, or the name of the last stage
 * @see moby/buildkit frontend/dockerfile/dockerfile2llb/platform.go (defaultArgs)
 */
export function fromEnv(target: Platform, stage: string): Env {
  return new Map([
    ['BUILDPLATFORM', formatPlatform(BUILD_PLATFORM)],
    ['BUILDOS', BUILD_PLATFORM.os],
    ['BUILDOSVERSION', ''],
    ['BUILDARCH', BUILD_PLATFORM.architecture],
    ['BUILDVARIANT', ''],
    ['TARGETPLATFORM', formatPlatform(target)],
    ['TARGETOS', target.os],
    ['TARGETOSVERSION', ''],
    ['TARGETARCH', target.architecture],
    ['TARGETVARIANT', target.variant ?? ''],
    ['TARGETSTAGE', stage || 'default'],
  ]);
}
