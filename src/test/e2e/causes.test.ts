/**
 * Every reason that two images can have to differ, seeded one at a time: verify names it, in one line, and nothing else. The reference is what
 * wbuild makes of another world, or what another builder might have made (recraft.ts); the rebuild is always that of the same small context.
 */
import fs from 'node:fs';
import { afterAll, expect, test } from '@jest/globals';
import wabt from 'wabt';
import { type BuildRequest, build, type OutputRequest, withDefaults } from '../../build/build-request.js';
import { verify } from '../../build/verify/verify.js';
import { CAUSES, type CauseCode } from '../../compare/causes.js';
import type { Level } from '../../compare/levels.js';
import { type Changes, recraft, resealed } from '../recraft.js';
import { type FileSpec, useRig } from '../rig.js';

const rig = useRig();

const DOCKERFILE = 'FROM scratch\nCOPY app /app/\nENTRYPOINT ["/app/main.wasm"]\n';
const TEXT = Array.from({ length: 400 }, (_, i) => `line ${i} of ${(i * 7919) % 1000}\n`).join('');

/** A module with a custom section, as toolchains leave it. */
async function wasm(section: string, text: string, body = ''): Promise<Buffer> {
  const module = (await wabt()).parseWat('m.wat', `(module (func (export "_start") ${body}))`).toBinary({}).buffer;
  const content = Buffer.concat([Buffer.of(section.length), Buffer.from(section), Buffer.from(text)]);
  return Buffer.concat([module, Buffer.of(0, content.length), content]);
}

interface World {
  readonly files?: Readonly<Record<string, FileSpec>>;
  readonly remove?: readonly string[];
  readonly epochSeconds?: number;
  readonly platform?: string;
  readonly output?: Partial<OutputRequest>;
  readonly more?: Partial<BuildRequest>;
}

interface Seed {
  readonly code: CauseCode;
  readonly name: string;
  /** The world in which the reference was built, where it is another. */
  readonly reference?: World;
  /** What another builder did to it. */
  readonly crafted?: Changes;
  readonly rebuild?: World;
  /** The level that verify is asked to prove, where it is not the manifest. */
  readonly required?: Level;
  readonly message: RegExp;
  readonly hint?: RegExp;
  /** How far down they agree. */
  readonly agreement?: Level | 'none';
}

const files = async (): Promise<Readonly<Record<string, FileSpec>>> => ({
  Dockerfile: DOCKERFILE,
  'app/main.wasm': { content: await wasm('.debug_str', '/home/alice/src/main.rs'), mode: 0o755 },
  'app/a.txt': TEXT,
  'app/b.txt': 'bee\n',
  'app/link': { symlink: 'a.txt' },
});

const SEEDS: readonly Seed[] = [
  // the twenty
  {
    code: 'FileMode',
    name: 'mode',
    reference: {
      files: { 'app/a.txt': { content: TEXT, mode: 0o600 }, 'app/b.txt': { content: 'bee\n', mode: 0o600 } },
    },
    message:
      /^layer 1: app\/a\.txt has the mode 0600 in the reference, 0644 in the rebuild \(and 1 more: layer 1: app\/b\.txt\)$/,
    hint: /umask.*--chmod/,
    agreement: 'contents',
  },
  {
    code: 'FileOwner',
    name: 'owner',
    crafted: { entries: (list) => list.map((e) => ({ ...e, header: { ...e.header, uid: 1000, gid: 1000 } })) },
    message: /^layer 1: app belongs to 1000:1000 in the reference, 0:0 in the rebuild \(and 4 more/,
    hint: /--chown/,
    agreement: 'contents',
  },
  {
    code: 'FileTime',
    name: 'mtime',
    reference: { files: { 'app/a.txt': { content: TEXT, mtime: 1_000_000_000 } }, epochSeconds: 1_600_000_000 },
    rebuild: { epochSeconds: 1_600_000_000 },
    message:
      /^layer 1: app\/a\.txt has the time 2001-09-09T01:46:40Z in the reference, 2020-09-13T12:26:40Z in the rebuild$/,
    hint: /SOURCE_DATE_EPOCH/,
    agreement: 'contents',
  },
  {
    code: 'EntryOrder',
    name: 'order',
    crafted: { entries: ([folder, ...rest]) => [folder!, ...rest.reverse()] },
    message:
      /^layer 1: the same entries in another order: "app\/main\.wasm" comes first in the reference where the rebuild has "app\/a\.txt"$/,
    agreement: 'contents',
  },
  {
    code: 'PaxRecord',
    name: 'PAX record',
    crafted: {
      entries: (list) => list.map((e, i) => (i === 1 ? { ...e, pax: { 'SCHILY.xattr.user.note': 'x' } } : e)),
    },
    message:
      /^layer 1: app\/a\.txt has the PAX record SCHILY\.xattr\.user\.note: "x" in the reference, nothing in the rebuild$/,
    agreement: 'contents',
  },
  {
    code: 'LayerCompression',
    name: 'compression level',
    reference: { output: { compression: 'gzip', compressionLevel: 1 } },
    rebuild: { output: { compression: 'gzip' } },
    message:
      /^layer 1 is the same tar, compressed differently: gzip at level 1, \d+ bytes in the reference, gzip at level 6, \d+ bytes in the rebuild$/,
    hint: /compression-level/,
    agreement: 'config',
  },
  {
    code: 'ConfigField',
    name: 'config field',
    reference: { files: { Dockerfile: DOCKERFILE.replace('/app/main.wasm', '/main.wasm') } },
    message: /^config\.Entrypoint\[0\] is "\/main\.wasm" in the reference, "\/app\/main\.wasm" in the rebuild$/,
    hint: /ENTRYPOINT/,
    agreement: 'diff-ids',
  },
  {
    code: 'HistoryText',
    name: 'history text',
    reference: { files: { Dockerfile: DOCKERFILE.replace('COPY app', 'COPY ./app') } },
    message:
      /^history\[0\]\.created_by is "COPY \.\/app \/app\/ # buildkit" in the reference, "COPY app \/app\/ # buildkit" in the rebuild$/,
    agreement: 'diff-ids',
  },
  {
    code: 'WasmCustomSection',
    name: 'a path inside a wasm custom section',
    reference: { files: { 'app/main.wasm': { content: Buffer.of(), mode: 0o755 } } }, // filled in below
    message:
      /^layer 1: app\/main\.wasm differs only in custom "\.debug_str"( \(\d+ bytes, \d+\))?: "[^"]*\/home\/bob\/src\/main\.rs" in the reference, "[^"]*\/home\/alice\/src\/main\.rs" in the rebuild$/,
    hint: /--remap-path-prefix/,
    agreement: 'none',
  },
  {
    code: 'FileMissing',
    name: 'missing file',
    reference: { files: { 'app/logo.svg': '<svg/>' } },
    message: /^layer 1: app\/logo\.svg is missing in the rebuild \(6 bytes in the reference\)$/,
    agreement: 'none',
  },
  {
    code: 'FileExtra',
    name: 'extra file',
    reference: { remove: ['app/b.txt'] },
    message: /^layer 1: app\/b\.txt is only in the rebuild \(4 bytes\)$/,
    hint: /\.dockerignore/,
    agreement: 'none',
  },
  {
    code: 'LinkTarget',
    name: 'symlink target',
    reference: { remove: ['app/link'], files: { 'app/link': { symlink: '/home/alice/app/a.txt' } } },
    message: /^layer 1: app\/link points to "\/home\/alice\/app\/a\.txt" in the reference, "a\.txt" in the rebuild$/,
    agreement: 'none',
  },
  {
    code: 'NameCase',
    name: 'case of a name',
    reference: { remove: ['app/b.txt'], files: { 'app/B.txt': 'bee\n' } },
    message: /^layer 1: app\/B\.txt is called "app\/B\.txt" in the reference, "app\/b\.txt" in the rebuild$/,
    agreement: 'none',
  },
  {
    code: 'IgnoreRule',
    name: 'ignore rule',
    rebuild: { files: { '.dockerignore': '# no texts\n\n**/b.*\n' } },
    message:
      /^layer 1: app\/b\.txt is missing in the rebuild: \.dockerignore:3 \(\*\*\/b\.\*\) leaves app\/b\.txt of the build context out$/,
    agreement: 'none',
  },
  {
    code: 'ConfigLabel',
    name: 'label',
    reference: { more: { labels: { 'org.example.commit': 'abc' } } },
    message: /^config\.Labels\["org\.example\.commit"\] is "abc" in the reference, nothing in the rebuild$/,
    hint: /--label/,
    agreement: 'diff-ids',
  },
  {
    code: 'Annotation',
    name: 'annotation',
    reference: { more: { annotations: [{ key: 'org.example.run', value: '7', level: 'manifest' }] } },
    message: /^annotations\["org\.example\.run"\] is "7" in the reference, nothing in the rebuild$/,
    hint: /--annotation/,
    agreement: 'config',
  },
  {
    code: 'MediaType',
    name: 'media type',
    reference: { output: { ociMediaTypes: false } },
    message:
      /^mediaType is "application\/vnd\.docker\.distribution\.manifest\.v2\+json" in the reference, "application\/vnd\.oci\.image\.manifest\.v1\+json" in the rebuild \(and 2 more/,
    hint: /oci-mediatypes/,
    agreement: 'config',
  },
  {
    code: 'Platform',
    name: 'platform variant',
    reference: { platform: 'linux/arm/v6' },
    rebuild: { platform: 'linux/arm/v7' },
    message: /^the platform is linux\/arm\/v6 in the reference, linux\/arm\/v7 in the rebuild$/,
    agreement: 'diff-ids',
  },
  {
    code: 'Epoch',
    name: 'epoch',
    reference: { epochSeconds: 1_600_000_000 },
    message:
      /^the epoch is 1600000000 \(2020-09-13T12:26:40Z\) in the reference, 0 \(1970-01-01T00:00:00Z\) in the rebuild; 9 times follow from that$/,
    hint: /SOURCE_DATE_EPOCH=1600000000/,
    agreement: 'contents',
  },
  // and others
  {
    code: 'FileType',
    name: 'a link checked out as a file',
    reference: { remove: ['app/link'], files: { 'app/link': 'a.txt' } },
    message: /^layer 1: app\/link is a file in the reference, a symlink in the rebuild$/,
    hint: /core\.symlinks/,
  },
  {
    code: 'FileContent',
    name: 'line ends',
    reference: { files: { 'app/b.txt': 'bee\r\n' } },
    message: /^layer 1: app\/b\.txt has 5 bytes in the reference, 4 in the rebuild, and differs first at byte 3$/,
  },
  {
    code: 'WasmSection',
    name: 'other code in a module',
    reference: { files: { 'app/main.wasm': { content: Buffer.of(), mode: 0o755 } } }, // filled in below
    message: /^layer 1: app\/main\.wasm differs in its sections code \(4 bytes, 3\)|code/,
  },
  {
    code: 'TarHeader',
    name: 'GNU headers',
    crafted: {
      tar: (tar) => {
        const block = Buffer.from(tar.subarray(0, 512));
        block.write('ustar  \0', 257, 'latin1');
        return Buffer.concat([resealed(block), tar.subarray(512)]);
      },
    },
    message: /^layer 1: app has another tar header: checksum, at byte \d+$/,
    agreement: 'contents',
  },
  {
    code: 'LayerCount',
    name: 'a layer more',
    reference: {
      files: { Dockerfile: 'FROM scratch\nCOPY app /app/\nENTRYPOINT ["/app/main.wasm"]\nCOPY app/b.txt /c\n' },
    },
    message: /^layer 2 is only in the reference \(COPY app\/b\.txt \/c # buildkit\)$/,
    agreement: 'none',
  },
  {
    code: 'LayerCompression',
    name: 'zstd at another level',
    reference: { output: { compression: 'zstd', compressionLevel: 9 } },
    rebuild: { output: { compression: 'zstd' } },
    message: /: zstd at (level|one of the levels) 9.*, \d+ bytes in the reference, zstd at level 3, \d+ bytes in the/,
    agreement: 'config',
  },
  {
    code: 'LayerCompression',
    name: 'another compressor',
    crafted: { gzipLevel: 9 },
    rebuild: { output: { compression: 'gzip' } },
    message:
      /: gzip at a level that its header calls the slowest, \d+ bytes in the reference, gzip at level 6, \d+ bytes/,
    agreement: 'config',
  },
  {
    code: 'LayerCompression',
    name: 'a compressor that says nothing of its level',
    crafted: { gzipLevel: 4 },
    rebuild: { output: { compression: 'gzip', compressionLevel: 9 } },
    message: /: gzip at a level that its bytes do not tell, \d+ bytes in the reference, gzip at /,
    agreement: 'config',
  },
  {
    code: 'PlatformMissing',
    name: 'a platform more',
    rebuild: { more: { platforms: ['wasi/wasm', 'linux/amd64'] } },
    message: /^the image for linux\/amd64 is only in the rebuild$/,
    agreement: 'none',
  },
  {
    code: 'ImageName',
    name: 'the name in the archive',
    reference: { more: { names: ['example/app:1'] } },
    rebuild: { more: { names: ['example/app:2'] } },
    required: 'archive',
    message:
      /^index\.json annotations\["io\.containerd\.image\.name"\] is "docker\.io\/example\/app:1" in the reference, "docker\.io\/example\/app:2" in the rebuild$/,
    agreement: 'manifest',
  },
  {
    code: 'Attestation',
    name: 'statements',
    reference: { more: { attest: { provenance: {} } } },
    required: 'archive',
    message: /^the number of attested images is 1 in the reference, 0 in the rebuild$/,
    agreement: 'manifest',
  },
  {
    code: 'Attestation',
    name: 'other statements',
    reference: { more: { attest: { provenance: { mode: 'min' } } } },
    rebuild: { more: { attest: { provenance: {} } } },
    required: 'archive',
    message:
      /^the statement https:\/\/slsa\.dev\/provenance\/v1 is "sha256:[0-9a-f]{64}" in the reference, "sha256:[0-9a-f]{64}" in the rebuild$/,
    agreement: 'manifest',
  },
  {
    code: 'ArchiveLayout',
    name: 'a file more in the archive',
    crafted: { around: [['repositories', Buffer.from('{}')]] },
    required: 'archive',
    message: /^the archives hold one image, and repositories is only in the reference$/,
    agreement: 'manifest',
  },
  {
    code: 'ConfigEncoding',
    name: 'a config with blanks',
    crafted: { configText: (text) => text.replaceAll('":', '": ') },
    message: /^the configs say the same in other bytes$/,
    agreement: 'diff-ids',
  },
  {
    code: 'ManifestEncoding',
    name: 'a manifest with its keys in another order',
    crafted: { manifest: ({ layers, ...rest }) => ({ layers, ...rest }) },
    message: /^the manifests say the same in other bytes$/,
    agreement: 'config',
  },
];

const told = new Set<CauseCode>();

const request = (dest: string, { epochSeconds = 0, platform = 'wasi/wasm', output, more }: World) => ({
  context: rig.dir,
  platform,
  epochSeconds,
  cacheDir: rig.cacheDir,
  outputs: [{ type: 'oci', dest, compression: 'uncompressed', ...output } as const],
  ...more,
});

function clear(): void {
  for (const name of fs.readdirSync(rig.dir))
    if (!name.endsWith('.tar')) fs.rmSync(rig.path(name), { recursive: true });
}

test.each(SEEDS)('$name: $code', async (seed) => {
  let { reference = {} } = seed;
  const module = {
    WasmCustomSection: ['/home/bob/src/main.rs', ''],
    WasmSection: ['/home/alice/src/main.rs', '(nop)'],
  }[seed.code as string];
  if (module)
    reference = {
      files: { 'app/main.wasm': { content: await wasm('.debug_str', module[0]!, module[1]), mode: 0o755 } },
    };
  const removed = reference.remove ?? [];
  rig.write(Object.fromEntries(Object.entries(await files()).filter(([name]) => !removed.includes(name))));
  for (const name of Object.keys(reference.files ?? {})) fs.rmSync(rig.path(name), { force: true });
  rig.write(reference.files ?? {});
  await build(request(rig.path('reference.tar'), reference));
  if (seed.crafted) {
    const bytes = await recraft(fs.readFileSync(rig.path('reference.tar')), seed.crafted);
    fs.writeFileSync(rig.path('reference.tar'), bytes);
  }

  clear();
  rig.write({ ...(await files()), ...seed.rebuild?.files });
  const found = await verify({
    against: rig.path('reference.tar'),
    build: withDefaults(request('-', seed.rebuild ?? {})),
    formFromReference: false,
    ...(seed.required && { required: seed.required }),
    open: { cacheDir: rig.cacheDir },
  });

  expect(found.causes.map((c) => [c.code, c.message])).toEqual([[seed.code, expect.stringMatching(seed.message)]]);
  const [cause] = found.causes;
  expect(cause!.message).not.toContain('\n');
  expect(cause!.hint).toMatch(seed.hint ?? /./);
  expect(found).toMatchObject({ verified: false, ...(seed.agreement && { agreement: seed.agreement }) });
  told.add(seed.code);
});

test('nothing: the same world is verified', async () => {
  rig.write(await files());
  await build(request(rig.path('reference.tar'), {}));
  const found = await verify({
    against: rig.path('reference.tar'),
    build: withDefaults(request('-', {})),
    formFromReference: false,
    open: { cacheDir: rig.cacheDir },
  });
  expect(found).toMatchObject({ verified: true, agreement: 'archive', causes: [] });
});

afterAll(() => {
  // shown by perturb.test.ts: it is no reason for another image
  const elsewhere: readonly CauseCode[] = ['PathInContent'];
  const untold = Object.keys(CAUSES).filter(
    (code) => !told.has(code as CauseCode) && !elsewhere.includes(code as CauseCode),
  );
  expect(untold).toEqual([]);
});
