import { describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { parseOutputOption } from './output-option.js';

const DEFAULTS = { tar: true, names: [], ociMediaTypes: true, compression: 'gzip' };

test.each([
  ['out', { type: 'local', dest: 'out' }],
  ['./a=b', { type: 'local', dest: './a=b' }],
  ['-', { type: 'tar', dest: '-' }],
  ['type=oci,dest=out.tar,compression=uncompressed', { type: 'oci', dest: 'out.tar', compression: 'uncompressed' }],
  ['type=oci', { type: 'oci', dest: '-' }],
  ['type=tar', { type: 'tar', dest: '-' }],
  ['type=tar,dest=-', { type: 'tar', dest: '-' }],
  ['type=oci,tar=false,dest=d', { type: 'oci', dest: 'd', tar: false }],
  ['type=local,dest=d,mode=copy', { type: 'local', dest: 'd' }],
  ['type=docker,dest=i.tar,name=app', { type: 'docker', dest: 'i.tar', names: ['docker.io/library/app:latest'] }],
  [
    'type=docker,dest=i.tar,"name=a:1,b/c:2"',
    { type: 'docker', dest: 'i.tar', names: ['docker.io/library/a:1', 'docker.io/b/c:2'] },
  ],
  ['type=oci,"dest=a ""b"", c.tar"', { type: 'oci', dest: 'a "b", c.tar' }],
  ['type=cacheonly', { type: 'cacheonly' }],
  [' TYPE =docker, Dest=x', { type: 'docker', dest: 'x' }],
  ['type=docker,dest=x,OCI-MediaTypes=F', { type: 'docker', dest: 'x', ociMediaTypes: false }],
  ['type=oci,compression-level=9,force-compression=false', { type: 'oci', dest: '-', compressionLevel: 9 }],
  ['type=oci,rewrite-timestamp=true,tar=', { type: 'oci', dest: '-' }],
])('%s', (text, expected) => {
  expect(parseOutputOption(text)).toEqual({ ...DEFAULTS, ...expected });
});

test('annotations, whose keys are in lower case, as in buildx', () => {
  const text =
    'type=oci,annotation.K=V,annotation-index[linux/amd64].a=b,annotation-manifest[linux/arm].a.b=c,platform=x';
  expect(() => parseOutputOption(text)).toThrow('type=oci has no key "platform"');
  expect(parseOutputOption(text.replace(',platform=x', '')).annotations).toEqual([
    { level: 'manifest', key: 'k', value: 'V' },
    { level: 'index', key: 'a', value: 'b' },
    { level: 'manifest', platform: 'linux/arm/v7', key: 'a.b', value: 'c' },
  ]);
  expect(() => parseOutputOption('type=oci,annotation-x.a=b')).toThrow('there is no level "x"');
  expect(() => parseOutputOption('type=oci,annotation=b')).toThrow('"annotation" is no annotation');
});

test('pushes', () => {
  const push = { insecure: false, byDigest: false };
  expect(parseOutputOption('type=registry')).toMatchObject({ type: 'image', push });
  expect(parseOutputOption('type=registry,push=false')).not.toHaveProperty('push');
  expect(parseOutputOption('type=image')).not.toHaveProperty('push');
  expect(parseOutputOption('type=image,push=')).toMatchObject({ push });
  expect(parseOutputOption('type=image,name=a,push=1,registry.insecure=')).toMatchObject({
    names: ['docker.io/library/a:latest'],
    push: { insecure: true, byDigest: false },
  });
});

test('an archive for Docker that goes nowhere else is loaded', () => {
  expect(parseOutputOption('type=docker')).toMatchObject({ type: 'docker', load: {} });
  expect(parseOutputOption('type=docker,context=far')).toMatchObject({ load: { context: 'far' } });
  expect(parseOutputOption('type=docker,dest=x')).not.toHaveProperty('load');
});

test('platform-split', () => {
  expect(parseOutputOption('type=local,dest=d,platform-split=false')).toMatchObject({ platformSplit: false });
  expect(parseOutputOption('type=local,dest=d')).not.toHaveProperty('platformSplit');
  expect(() => parseOutputOption('type=tar,platform-split=false')).toThrow('platform-split= does not fit type=tar');
});

describe('refused', () => {
  test.each([
    ['', 'it is empty', /type=oci,dest=image\.tar/],
    ['type=oci,"dest=x', 'it lacks a closing quote', /quotes/],
    ['type=oci,de"st=x', 'a quote stands in the middle of a field, at character 12', /quotes/],
    ['type=oci,"dest=x"y', 'a comma is missing behind a quote, at character 18', /quotes/],
    ['type=oci,dest', '"dest" is not key=value', /for example/],
    ['type=oci,=x', '"=x" is not key=value', /for example/],
    ['dest=out.tar', 'type= is missing', /oci, docker, image, wasm, local, tar, cacheonly/],
    ['type=,dest=x', 'type= is missing', /oci/],
    ['type=OCI,dest=x', 'there is no type "OCI"', /did you mean oci\?/],
    ['type=dokcer,dest=x', 'there is no type "dokcer"', /did you mean docker\?/],
    ['type=moby', 'wbuild has no type=moby', /daemon/],
    ['type=registry,dest=x', 'dest= does not fit type=image', /registry.insecure/],
    ['type=oci,push=true', 'push= does not fit type=oci', /its keys are/],
    ['type=image,push=maybe', 'push cannot be "maybe"', /true or false/],
    ['type=oci,store=true', 'wbuild has no store=', /daemon/],
    ['type=tar,annotation.a=b', 'an annotation does not fit type=tar', /image/],
    ['annotation.a=b', 'type= is missing', /oci/],
    ['type=oci,compresion=gzip', 'type=oci has no key "compresion"', /did you mean compression\?/],
    ['type=oci,constructor=x', 'type=oci has no key "constructor"', /its keys are dest/],
    ['type=toString', 'there is no type "toString"', /a type is one of/],
    ['type=tar,compression=gzip', 'compression= does not fit type=tar', /its keys are dest/],
    ['type=cacheonly,dest=x', 'dest= does not fit type=cacheonly', /none at all/],
    ['type=oci,dest=a,dest=b', 'dest is given twice', /leave one/],
    ['type=oci,compression=estargz', 'wbuild has no compression=estargz', /gzip, zstd or uncompressed/],
    ['type=oci,compression=zstd,compression-level=23', 'compression-level cannot be "23"', /0, which is fast, to 22/],
    ['type=oci,compression-level=10', 'compression-level cannot be "10"', /0 stores/],
    ['type=oci,compression=gzipp', 'there is no compression "gzipp"', /did you mean gzip\?/],
    ['type=oci,compression-level=10', 'compression-level cannot be "10"', /digit/],
    ['type=oci,tar=no', 'tar cannot be "no"', /true or false/],
    ['type=oci,rewrite-timestamp=false', 'rewrite-timestamp cannot be turned off', /SOURCE_DATE_EPOCH/],
    ['type=oci,tar=false', 'dest= is missing', /tar=false,dest=DIR/],
    ['type=oci,tar=false,dest=-', 'a folder cannot go to standard output', /dest=DIR/],
    ['type=local', 'dest= is missing', /type=local,dest=DIR/],
    ['type=local,dest=-', 'a folder cannot go to standard output', /dest=DIR/],
    ['type=local,dest=d,mode=delete', 'mode cannot be "delete"', /mode=copy/],
    ['type=docker,dest=x,context=y', 'context= and dest= exclude one another', /leave dest=/],
    ['type=docker,tar=false,dest=d', 'type=docker writes a tar', /type=oci,tar=false/],
  ])('%s', (text, message, hint) => {
    const diagnostic = diagnosticOf(text);
    expect(diagnostic.code).toBe('InvalidOutput');
    expect(diagnostic.message).toMatch(new RegExp(`^-o .*: ${message.replace(/[()[\]]/g, '\\$&')}`));
    expect(diagnostic.hint).toMatch(hint);
  });

  test('a name that is none', () => {
    expect(diagnosticOf('type=oci,name=A:1')).toMatchObject({ code: 'InvalidReference', hint: 'write a:1' });
  });
});

function diagnosticOf(text: string) {
  try {
    parseOutputOption(text);
  } catch (error) {
    expect(error).toBeInstanceOf(BuildError);
    return (error as BuildError).diagnostics[0]!;
  }
  throw new Error(`${text} was accepted`);
}
