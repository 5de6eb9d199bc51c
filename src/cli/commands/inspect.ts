/** `wbuild inspect`: what is in an image. */

import { Registries } from '../../build/images/pulled-image.js';
import type { OpenAttestation } from '../../compare/image.js';
import { type FileReport, type ImageReport, inspectImage, type WasmReport } from '../../compare/inspect-image.js';
import { openImages } from '../../compare/open-image.js';
import { printable } from '../../diagnostic/display.js';
import { formatPlatform } from '../../oci/platform.js';
import { quote } from '../../util/text.js';
import type { CompareCommand } from '../compare-args.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { humanSize, table } from '../tables.js';

/** Imports, exports and the like are listed up to here; JSON has them all. */
const MAX_ITEMS = 12;

/** Prints a report on standard output. @throws BuildError `ImageNotFound`, `InvalidImage` */
export async function runInspect(command: CompareCommand, io: CommandIo): Promise<ExitCode> {
  const reference = command.images[0]!;
  const registries = new Registries({ ...command, env: io.env, signal: io.signal });
  try {
    return await inspect(command, reference, { io, registries });
  } finally {
    registries.close();
  }
}

async function inspect(
  command: CompareCommand,
  reference: string,
  { io, registries }: { readonly io: CommandIo; readonly registries: Registries },
): Promise<ExitCode> {
  const opened = await openImages(reference, { ...command, elsewhere: registries.find });
  try {
    const reports: ImageReport[] = [];
    for (const image of opened.images) reports.push(await inspectImage(image));
    const archive = opened.archive && { digest: opened.archive.digest, size: opened.archive.size };
    if (command.json) {
      const { form, others, attestations } = opened;
      const all = { reference, form, ...(archive && { archive }), images: reports, others, attestations };
      io.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    } else io.stdout.write(reports.map((r) => reportText(reference, r, opened.attestations)).join('\n'));
    return EXIT.done;
  } finally {
    await opened.close();
  }
}

function reportText(reference: string, report: ImageReport, attestations: readonly OpenAttestation[]): string {
  const { platform, manifest, mediaType, config, created, form, layers } = report;
  const stored = layers.reduce((sum, layer) => sum + (layer.size ?? 0), 0);
  const head: [string, string | undefined][] = [
    ['image', `${reference} (${form})`],
    ['platform', formatPlatform(platform)],
    ['manifest', manifest && `${manifest} (${mediaType})`],
    ['image ID', config],
    ['created', created ?? 'no time'],
    [
      'size',
      stored === 0 ? undefined : `${humanSize(stored)} in ${layers.length} layer${layers.length === 1 ? '' : 's'}`,
    ],
    ['entry point', report.entrypoint.length === 0 ? 'none' : JSON.stringify(report.entrypoint)],
    ['command', report.cmd.length === 0 ? undefined : JSON.stringify(report.cmd)],
    ['runs', entryFile(report)],
    ['user', report.user || undefined],
    ['working dir', report.workingDir || undefined],
    ...report.env.map((text): [string, string] => ['env', text]),
    ...Object.entries(report.labels).map(([key, value]): [string, string] => ['label', `${key}=${value}`]),
    ...attestations
      .filter(({ subject }) => subject === manifest)
      .map(({ predicateType, digest }): [string, string] => ['attested', `${predicateType} (${digest})`]),
    ...Object.entries(report.annotations).map(([key, value]): [string, string] => ['annotation', `${key}=${value}`]),
  ];
  const lines = head.flatMap(([name, text]) =>
    text === undefined ? [] : [`${name.padEnd(12)}  ${printable(text)}\n`],
  );
  return lines.join('') + layers.map((layer, i) => layerText(layer, i + 1)).join('');
}

/** What the entry point starts: the first thing that one would want to know to be there. */
function entryFile({ entrypoint, cmd, layers, workingDir }: ImageReport): string | undefined {
  const [program] = [...entrypoint, ...cmd];
  if (program === undefined) return undefined;
  const at = program.startsWith('/') ? program : `${workingDir}/${program}`;
  const name = at
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  const file = layers.flatMap((layer) => layer.files).findLast((f) => f.path === name);
  if (!file) return `${quote(program)}, which is no file of the image`;
  const kind = file.wasm ? `a WebAssembly ${file.wasm.kind}` : `mode ${file.mode}`;
  return `/${file.path} (${kind}, ${humanSize(file.size)})`;
}

function layerText(layer: ImageReport['layers'][number], number: number): string {
  const { digest, diffID, mediaType, compression, size, createdBy, files } = layer;
  const bytes = size === undefined ? '' : `, ${humanSize(size)} stored`;
  const lines = [
    '',
    `layer ${number}: ${files.length} ${files.length === 1 ? 'entry' : 'entries'}, ${compression === 'none' ? 'uncompressed' : compression}${bytes}`,
    ...(createdBy ? [`  ${printable(createdBy)}`] : []),
    ...(digest ? [`  digest   ${digest} (${printable(mediaType ?? '')})`] : []),
    `  diff ID  ${diffID}`,
  ];
  const rows = files.map((f) => [f.mode, `${f.uid}:${f.gid}`, f.type === 'file' ? humanSize(f.size) : '', nameOf(f)]);
  const listing =
    rows.length === 0
      ? ''
      : table(
          ['  MODE', 'OWNER', 'SIZE', 'NAME'],
          rows.map(([mode, ...row]) => [`  ${mode}`, ...row]),
        );
  const modules = files.flatMap((f) => (f.wasm ? wasmLines(f, f.wasm) : []));
  return `${lines.join('\n')}\n${listing}${modules.map((line) => `${line}\n`).join('')}`;
}

function nameOf({ path, type, target, wasm }: FileReport): string {
  const end = type === 'directory' ? '/' : '';
  const arrow = target === undefined ? '' : ` ${type === 'hardlink' ? '=' : '->'} ${target}`;
  return printable(`${path}${end}${arrow}${wasm ? ` (wasm ${wasm.kind})` : ''}`);
}

function wasmLines({ path }: FileReport, { kind, imports, exports, custom, damaged }: WasmReport): string[] {
  const list = (name: string, items: readonly string[]) => {
    if (items.length === 0) return [];
    const more = items.length > MAX_ITEMS ? `, and ${items.length - MAX_ITEMS} more` : '';
    return [`    ${name.padEnd(8)}  ${items.slice(0, MAX_ITEMS).map(printable).join(', ')}${more}`];
  };
  const item = (i: { name: string; kind: string }) => `${i.name} (${i.kind})`;
  return [
    `  ${printable(path)}: WebAssembly ${kind}${damaged ? `, damaged: ${damaged}` : ''}`,
    ...list('imports', imports.map(item)),
    ...list('exports', exports.map(item)),
    ...list(
      'custom',
      custom.map((c) => `${c.name} (${humanSize(c.size)})`),
    ),
  ];
}
