/**
 * An image as a package URL: the name by which statements speak of it.
 * @see https://github.com/package-url/purl-spec, moby/buildkit util/purl/image.go
 */
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import { familiarName, type Reference } from '../oci/reference.js';

/**
 * `pkg:docker/team/app@1?platform=wasi%2Fwasm`; a digest of the name is a qualifier.
 * @param platform normalised
 */
export function imagePurl(type: 'docker' | 'oci', reference: Reference, platform: Platform): string {
  const { tag: _tag, digest, ...nameOnly } = reference;
  const name = familiarName(nameOnly).split('/').map(encodeURIComponent).join('/');
  const version = reference.tag === undefined ? '' : `@${encodeURIComponent(reference.tag)}`;
  const qualifiers = [
    ...(digest === undefined ? [] : [['digest', digest]]),
    ['platform', formatPlatform(platform)],
  ].map(([key, value]) => `${key}=${encodeURIComponent(value!)}`);
  return `pkg:${type}/${name}${version}?${qualifiers.join('&')}`;
}
