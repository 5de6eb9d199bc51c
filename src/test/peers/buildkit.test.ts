/** The same build by BuildKit, the one in dockerd: the same bytes. The parity cases are recordings; here BuildKit itself runs. */
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readImage } from '../read-image.js';
import type { FileSpec } from '../rig.js';
import { inside, peer, usePeersRig } from './peers.js';

const rig = usePeersRig();

interface Case {
  readonly about: string;
  readonly files: Readonly<Record<string, FileSpec>>;
  readonly args?: readonly string[];
  /** SOURCE_DATE_EPOCH; 0 if not given. */
  readonly epoch?: number;
}

const NAME = 'registry.example/team/app:1.2';

const CASES: readonly Case[] = [
  {
    about: 'one file and an entry point',
    files: {
      Dockerfile: 'FROM scratch\nCOPY app.wasm /\nENTRYPOINT ["app.wasm", "--flag"]\n',
      'app.wasm': '\0asm\x01\0\0\0',
    },
  },
  {
    about: 'a tree with modes, links, times, long and foreign names, and an ignore file',
    files: {
      Dockerfile: 'FROM scratch\nCOPY . /srv/data/\nCOPY bin/* /usr/local/bin/\n',
      '.dockerignore': '**/*.log\n!keep.log\nDockerfile\n',
      'bin/tool': { content: '#!/bin/sh\n', mode: 0o755 },
      'bin/setuid': { content: 'x', mode: 0o4711 },
      'bin/alias': { symlink: 'tool' },
      'bin/same': { hardlink: 'ctx/bin/tool' },
      'noise.log': 'x',
      'keep.log': 'x',
      empty: { dir: true, mode: 0o1777 },
      'old.txt': { content: 'older than the epoch', mtime: 1 },
      'ünïcode/名前.txt': 'x',
      [`${'long/'.repeat(30)}file.txt`]: 'x',
    },
    epoch: 1_600_000_000,
  },
  {
    about: 'stages, --target, owners, modes and names',
    files: {
      Dockerfile: [
        '# syntax is left to the built-in frontend',
        'FROM scratch AS assets',
        'COPY --chown=1000:1000 --chmod=640 www /www',
        'FROM scratch AS final',
        'COPY --from=assets /www /var/www',
        'COPY --link --chown=7 a.txt b.txt /etc/app/',
        'COPY <<EOF /etc/motd',
        'Hello $PATH',
        'EOF',
        'ENTRYPOINT serve --port 80',
        'FROM final',
        'COPY a.txt /unused',
      ].join('\n'),
      'www/index.html': '<p>hello</p>',
      'www/img/logo.svg': '<svg/>',
      'a.txt': 'a',
      'b.txt': 'b',
    },
    args: ['--target', 'final', '-t', NAME],
  },
  {
    about: 'a file of several megabytes, for another platform',
    files: { Dockerfile: 'FROM scratch\nCOPY big /big\n', big: { size: 5_000_001 } },
    args: ['--platform', 'linux/arm64'],
  },
];

/** The context lies in ctx/, and is the same for both. */
function lay({ files }: Case): void {
  rig.write(Object.fromEntries(Object.entries(files).map(([name, spec]) => [`ctx/${name}`, spec])));
}

const common = (c: Case) => [...(c.args?.includes('--platform') ? [] : ['--platform', 'wasi/wasm']), ...(c.args ?? [])];

function buildkit(c: Case, output: string, ...extra: string[]): void {
  const flags = ['--no-cache', ...extra, '-o', `${output},rewrite-timestamp=true,force-compression=true`];
  peer(`SOURCE_DATE_EPOCH=${c.epoch ?? 0}`, 'docker', 'buildx', 'build', ...common(c), ...flags, inside(rig, 'ctx'));
}

async function wbuild(c: Case, output: string): Promise<void> {
  const env = { SOURCE_DATE_EPOCH: String(c.epoch ?? 0) };
  expect(await rig.run(['build', ...common(c), '-o', output, 'ctx'], { env })).toMatchObject({ code: 0 });
}

describe.each(CASES)('$about', (c) => {
  test.each([[['--provenance=false']], [[]]])(
    'uncompressed, the OCI archive has the same bytes (BuildKit with %j)',
    async (flags) => {
      lay(c);
      buildkit(c, `type=oci,dest=${inside(rig, 'buildkit.tar')},compression=uncompressed`, ...flags);
      await wbuild(c, 'type=oci,dest=wbuild.tar,compression=uncompressed');
      expect(await readImage(rig.path('wbuild.tar'))).toEqual(await readImage(rig.path('buildkit.tar')));
      expect(fs.readFileSync(rig.path('wbuild.tar')).equals(fs.readFileSync(rig.path('buildkit.tar')))).toBe(true);
    },
  );

  test('with gzip, the config and the diff IDs are the same', async () => {
    lay(c);
    // BuildKit changed its default for type=docker to OCI media types after 0.13
    buildkit(c, `type=docker,oci-mediatypes=true,dest=${inside(rig, 'buildkit.tar')}`, '--provenance=false');
    await wbuild(c, 'type=docker,dest=wbuild.tar');
    const [ours, theirs] = [await readImage(rig.path('wbuild.tar')), await readImage(rig.path('buildkit.tar'))];
    expect(ours.manifest.config).toEqual(theirs.manifest.config);
    expect(ours.config.rootfs).toEqual(theirs.config.rootfs);
    expect(ours.files.filter((name) => !name.startsWith('blobs/'))).toEqual(
      theirs.files.filter((name) => !name.startsWith('blobs/')),
    );
  });
});

test('-q, --iidfile and --metadata-file say what those of buildx say', async () => {
  const c = CASES[2]!;
  lay(c);
  const files = (who: string) => ['--iidfile', `${who}.id`, '--metadata-file', `${who}.json`];
  const theirs = files('buildkit').map((arg) => (arg.startsWith('--') ? arg : inside(rig, arg)));
  const options = [
    '-q',
    '--no-cache',
    '--provenance=false',
    ...common(c),
    '-t',
    'registry.example/team/app:2',
    ...theirs,
  ];
  const export_ = 'compression=uncompressed,rewrite-timestamp=true,force-compression=true';
  const output = `type=oci,dest=${inside(rig, 'buildkit.tar')},${export_}`;
  const id = peer('SOURCE_DATE_EPOCH=0', 'docker', 'buildx', 'build', ...options, '-o', output, inside(rig, 'ctx'));
  const ours = [...common(c), '-t', 'registry.example/team/app:2', ...files('wbuild')];
  const run = await rig.run(['-q', ...ours, '-o', 'type=oci,dest=wbuild.tar,compression=uncompressed', 'ctx']);
  expect(run).toMatchObject({ code: 0, stderr: '', stdout: id });
  const read = (name: string) => fs.readFileSync(rig.path(name), 'utf8');
  expect(read('wbuild.id')).toBe(read('buildkit.id'));
  const keys = (text: string) => Object.entries(JSON.parse(text)).filter(([key]) => !/^(buildx|wbuild)\./.test(key));
  expect(keys(read('wbuild.json'))).toEqual(keys(read('buildkit.json'))); // in the same order, too
});
