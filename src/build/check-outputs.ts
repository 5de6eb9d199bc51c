/** What can be said of outputs before anything is built. */
import { checkAttested } from '../attest/check-output.js';
import { fail } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { refuseSeveral } from '../exporter/docker-archive.js';
import { type Annotation, checkAnnotations } from '../oci/annotations.js';
import type { Platform } from '../oci/descriptor.js';
import { normalizePlatform } from '../oci/platform.js';
import { quote } from '../util/text.js';
import type { BuildOptions } from './build-options.js';

/** Refuses outputs that cannot be what they are asked to be. @throws BuildError `InvalidAnnotation`, `InvalidOutput` */
export function checkOutputs(
  { outputs, annotations = [], attest = {} }: BuildOptions,
  given: readonly Platform[],
  warn: (d: Diagnostic) => void,
): void {
  const platforms = given.map(normalizePlatform);
  for (const output of outputs) {
    const { type, ociMediaTypes, annotations: own = [], push, load, names } = output;
    if (push && names.length === 0) {
      const hint = 'name the image with -t REGISTRY/NAME:TAG, or with name= in -o';
      fail({ code: 'InvalidOutput', message: 'an image without a name cannot be pushed', hint });
    }
    const attested = checkAttested(output, attest, platforms.length);
    if (type === 'docker' && !load) refuseSeveral(platforms);
    if (type === 'local' || type === 'tar' || type === 'cacheonly') continue;
    const all = [...own, ...annotations];
    checkAnnotations(all, { platforms, ociMediaTypes, attested });
    if (platforms.length === 1 && !attested) warnOfDropped(all, warn);
  }
}

/** An annotation for one platform has its place in an index. */
function warnOfDropped(annotations: readonly Annotation[], warn: (d: Diagnostic) => void): void {
  for (const { key, platform } of annotations) {
    if (platform === undefined) continue;
    warn({
      code: 'InvalidAnnotation',
      severity: 'warning',
      message: `annotation ${quote(key)} is left out: it is for ${platform} alone, which BuildKit heeds where there are several platforms`,
      hint: `leave [${platform}] out`,
    });
  }
}
