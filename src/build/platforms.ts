/** --platform → the platforms of a build. */
import { arch } from 'node:os';
import { fail } from '../diagnostic/build-error.js';
import type { Platform } from '../oci/descriptor.js';
import { machinePlatform, parsePlatform, platformHint } from '../oci/platform.js';
import type { BuildOptions } from './build-options.js';

/**
 * The platforms of a build as given, aliases resolved; that of this machine where none is given, or `local`. One that is given twice is
 * there twice, as in BuildKit.
 * @throws BuildError `InvalidPlatform`
 */
export function readPlatforms({ platform, platforms }: Pick<BuildOptions, 'platform' | 'platforms'>): Platform[] {
  const given = platforms?.length ? platforms : [platform ?? 'local'];
  return given.map(readPlatform);
}

function readPlatform(specifier: string): Platform {
  const machine = machinePlatform(arch());
  const platform = specifier.toLowerCase() === 'local' ? machine : parsePlatform(specifier, machine);
  if (typeof platform === 'string') {
    return fail({ code: 'InvalidPlatform', message: platform, hint: platformHint(specifier) });
  }
  if (platform.os === 'windows') {
    const hint = 'use docker buildx build: paths mean something else there';
    fail({ code: 'InvalidPlatform', message: 'wbuild makes no images for windows', hint });
  }
  return platform;
}
