import type { BuildResult } from '../build/build-options.js';
import { sortedMap } from '../oci/annotations.js';
import { formatTime, platformJson } from '../oci/assemble.js';
import { goJson, type Json } from '../util/go-json.js';
import type { BuildInputs } from './args.js';

/**
 * The text of --metadata-file: the keys that buildx writes and other tools read, sorted, indented by 2, without a line break at the end
 * (Go's MarshalIndent of a map). `wbuild.cache` and `wbuild.explain` are our own. The descriptor keeps the order of its Go struct, since buildx passes it on as BuildKit wrote it. Of several
 * platforms it is that of the index, and no config can be named.
 * @see https://docs.docker.com/reference/cli/docker/buildx/build/#metadata-file
 */
export function metadataText(
  { names, outputs, epochSeconds }: Pick<BuildInputs, 'names' | 'outputs' | 'epochSeconds'>,
  result: BuildResult,
): string {
  const allNames = [...new Set([...(names ?? []), ...outputs.flatMap((output) => output.names)])];
  const { mediaType, digest, size, annotations } = result.index ?? result.manifest;
  return goJson(
    {
      'containerimage.config.digest': result.index ? undefined : result.config.digest,
      'containerimage.descriptor': {
        mediaType,
        digest,
        size,
        annotations: sortedMap({ 'org.opencontainers.image.created': formatTime(epochSeconds), ...annotations })!,
        platform: result.index ? undefined : platformJson(result.platform),
      },
      'containerimage.digest': digest,
      'image.name': allNames.length > 0 ? allNames.join(',') : undefined,
      'wbuild.cache': { ...result.counters },
      'wbuild.explain': result.misses as unknown as Json | undefined,
    },
    2,
  );
}
