/**
 * Annotations: where they go, and which of them a manifest or an index gets.
 * @see moby/buildkit exporter/containerimage/{annotations.go,writer.go,exptypes/annotations.go}
 */
import { fail } from '../diagnostic/build-error.js';
import { compareBytes, quote } from '../util/text.js';
import type { Platform } from './descriptor.js';
import { formatPlatform, normalizePlatform, parsePlatform } from './platform.js';

/** What an annotation is written to: a manifest or an index itself, or the descriptor that points at one. */
export const ANNOTATION_LEVELS = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'] as const;
export type AnnotationLevel = (typeof ANNOTATION_LEVELS)[number];

export interface Annotation {
  readonly level: AnnotationLevel;
  /** `os/arch[/variant]`, normalised: the image of that platform alone. Without it, every image. */
  readonly platform?: string;
  readonly key: string;
  readonly value: string;
}

/** Annotations or labels as Go writes a map: by key in byte order; undefined when there are none, which Go leaves out. */
export function sortedMap(fields: Readonly<Record<string, string>> = {}): ReadonlyMap<string, string> | undefined {
  const map = new Map(Object.entries(fields).sort((a, b) => compareBytes(a[0], b[0])));
  return map.size > 0 ? map : undefined;
}

/**
 * The annotations of one level; the last of two with one key wins, and one for the platform over one for all.
 * @param platform of the image that they are for; undefined takes those for all platforms alone
 */
export function annotationsFor(
  annotations: readonly Annotation[],
  level: AnnotationLevel,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const id = platform && formatPlatform(platform);
  const ofLevel = annotations.filter((a) => a.level === level);
  const all = ofLevel.filter((a) => a.platform === undefined);
  const own = ofLevel.filter((a) => a.platform !== undefined && a.platform === id);
  const chosen = [...all, ...own].map(({ key, value }) => [key, value] as const);
  return chosen.length > 0 ? Object.fromEntries(chosen) : undefined;
}

/** An image that annotations are for. */
export interface AnnotatedOutput {
  /** Normalised. */
  readonly platforms: readonly Platform[];
  readonly ociMediaTypes: boolean;
  /** It has an index even for one platform. */
  readonly attested: boolean;
}

/**
 * Refuses annotations that would have nowhere to go.
 * @throws BuildError `InvalidAnnotation`
 */
export function checkAnnotations(
  annotations: readonly Annotation[],
  { platforms, ociMediaTypes, attested }: AnnotatedOutput,
): void {
  const names = platforms.map(formatPlatform);
  for (const { level, key, platform } of annotations) {
    const shown = `annotation ${quote(key)} of level ${level}`;
    if (platform !== undefined && !names.includes(platform)) {
      invalid(`${shown}: the build is not for ${platform}`, `it is for ${names.join(', ')}`);
    }
    if (level.startsWith('index') && platforms.length === 1 && !attested) {
      const hint = 'leave index: out, which annotates the manifest, or build for several platforms: --platform A,B';
      invalid(`${shown}: an image for one platform has no index`, hint);
    }
    if (!ociMediaTypes && level !== 'manifest') {
      invalid(`${shown}: Docker's media types have none`, 'leave oci-mediatypes=false out');
    }
  }
}

/** A platform in brackets, as in `manifest[linux/amd64]:key=value`, normalised. @throws BuildError `InvalidAnnotation` */
export function annotationPlatform(text: string, machine: Platform): string {
  const platform = parsePlatform(text, machine);
  if (typeof platform === 'string')
    return invalid(`an annotation is for [${text}]: ${platform}`, 'write os/arch or os/arch/variant, as linux/amd64');
  return formatPlatform(normalizePlatform(platform));
}

function invalid(message: string, hint: string): never {
  return fail({ code: 'InvalidAnnotation', message, hint });
}
