/**
 * The value of --annotation, and the keys of -o that annotate.
 * @see docker/buildx util/buildflags/export.go (ParseAnnotations), moby/buildkit exporter/containerimage/exptypes/annotations.go
 */
import { arch } from 'node:os';
import { BuildError, fail } from '../diagnostic/build-error.js';
import { suggest } from '../diagnostic/suggest.js';
import { ANNOTATION_LEVELS, type Annotation, type AnnotationLevel, annotationPlatform } from '../oci/annotations.js';
import { machinePlatform } from '../oci/platform.js';
import { quote } from '../util/text.js';
import { usage } from './collect.js';

const EXAMPLE = 'for example: --annotation index,manifest[linux/amd64]:org.example.team=core';

/** A level, and maybe a platform in brackets. */
const TARGET = /^([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?$/;

/**
 * `[LEVEL[PLATFORM],…:]key=value` → one annotation for each level; without one it is the manifest.
 * @throws BuildError `Usage`, `InvalidAnnotation`
 */
export function parseAnnotation(text: string): Annotation[] {
  const equals = text.indexOf('=');
  if (equals < 0) throw new BuildError(usage(`--annotation ${quote(text)} is not KEY=VALUE`, EXAMPLE));
  const [left, value] = [text.slice(0, equals), text.slice(equals + 1)];
  const colon = left.indexOf(':');
  const key = checkKey(left.slice(colon + 1), `--annotation ${quote(text)}`);
  if (colon < 0) return [{ level: 'manifest', key, value }];
  return left
    .slice(0, colon)
    .split(',')
    .map((target) => {
      const [, level, platform] = TARGET.exec(target) ?? [];
      if (level === undefined) {
        throw new BuildError(usage(`--annotation ${quote(text)}: ${quote(target)} is no level`, EXAMPLE));
      }
      return annotation(level, platform, { key, value }, `--annotation ${quote(text)}`);
    });
}

/**
 * A key of -o such as `annotation.k`, `annotation-index.k` or `annotation-manifest[linux/amd64].k`, with its value.
 * @param as the option as typed, for messages
 * @returns undefined for any other key
 * @throws BuildError `InvalidAnnotation`
 */
export function parseAnnotationKey(name: string, value: string, as: string): Annotation | undefined {
  if (!/^annotation(?:[.[-]|$)/.test(name)) return undefined;
  const [, level = 'manifest', platform, key] =
    /^annotation(?:-([a-z-]+))?(?:\[([A-Za-z0-9_/-]+)\])?\.(.*)$/s.exec(name) ?? [];
  if (key === undefined) {
    const hint = 'for example annotation.KEY=VALUE, or annotation-manifest[linux/amd64].KEY=VALUE';
    return fail({ code: 'InvalidAnnotation', message: `${as}: ${quote(name)} is no annotation`, hint });
  }
  return annotation(level, platform, { key: checkKey(key, as), value }, as);
}

function annotation(
  level: string,
  platform: string | undefined,
  pair: Pick<Annotation, 'key' | 'value'>,
  as: string,
): Annotation {
  const known = ANNOTATION_LEVELS.find((name) => name === level);
  if (!known) {
    const near = suggest(level, ANNOTATION_LEVELS, {});
    const hint = `${near ? `did you mean ${near}? ` : ''}A level is one of ${ANNOTATION_LEVELS.join(', ')}`;
    return fail({ code: 'InvalidAnnotation', message: `${as}: there is no level ${quote(level)}`, hint });
  }
  // an index is one for all platforms: BuildKit drops a platform there
  if (platform === undefined || isIndexLevel(known)) return { level: known, ...pair };
  return { level: known, platform: annotationPlatform(platform, machinePlatform(arch())), ...pair };
}

function isIndexLevel(level: AnnotationLevel): boolean {
  return level === 'index' || level === 'index-descriptor';
}

function checkKey(key: string, as: string): string {
  if (key !== '' && !/\s/.test(key)) return key;
  const message = key === '' ? `${as} has no key` : `${as}: the key ${quote(key)} has a blank in it`;
  return fail({ code: 'InvalidAnnotation', message, hint: EXAMPLE });
}
