/** What a person wants to see of an image before it is shipped, as data. */
import type { Platform } from '../oci/descriptor.js';
import type { WasmItem } from '../util/wasm-items.js';
import { WasmScanner } from '../util/wasm-sections.js';
import { cleanName } from './archive-files.js';
import { compressionOf, peek, unpacked } from './blob-bytes.js';
import { digestsOf } from './diff-image.js';
import type { ImageForm, OpenImage, OpenLayer } from './image.js';
import { damaged, entriesOf } from './layer-entries.js';

export interface FileReport {
  readonly path: string;
  readonly type: string;
  /** Octal, as `0755`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly target?: string;
  readonly wasm?: WasmReport;
}

export interface WasmReport {
  readonly kind: 'module' | 'component';
  readonly imports: readonly WasmItem[];
  readonly exports: readonly WasmItem[];
  /** The names of custom sections, with their sizes. */
  readonly custom: readonly { readonly name: string; readonly size: number }[];
  readonly damaged?: string;
}

export interface LayerReport {
  readonly digest?: string;
  readonly diffID: string;
  readonly mediaType?: string;
  readonly compression: string;
  /** Bytes as stored; undefined where no descriptor says it. */
  readonly size?: number;
  readonly createdBy?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly files: readonly FileReport[];
}

export interface ImageReport {
  readonly form: ImageForm;
  readonly platform: Platform;
  readonly manifest?: string;
  readonly mediaType?: string;
  readonly config: string;
  readonly created: string | null;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly history: readonly string[];
  readonly layers: readonly LayerReport[];
}

/** Reads all of an image. @throws BuildError `InvalidImage` */
export async function inspectImage(image: OpenImage): Promise<ImageReport> {
  const { json } = image.config;
  const { Entrypoint, Cmd, Env, WorkingDir, User, Labels } = json.config ?? {};
  const history = (json.history ?? []).map((h) => h.created_by ?? '');
  const layers: LayerReport[] = [];
  for (const layer of image.layers) layers.push(await inspectLayer(layer));
  const mediaType = image.manifest?.mediaType;
  return {
    form: image.form,
    platform: image.platform,
    ...digestsOf(image),
    ...(mediaType && { mediaType }),
    created: json.created ?? null,
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    env: Env ?? [],
    workingDir: WorkingDir ?? '',
    user: User ?? '',
    labels: Labels ?? {},
    annotations: image.manifest?.json.annotations ?? {},
    history,
    layers,
  };
}

async function inspectLayer(layer: OpenLayer): Promise<LayerReport> {
  const { descriptor, diffID, createdBy } = layer;
  const { first, all } = await peek(layer.read());
  const label = `the layer ${descriptor?.digest ?? diffID}`;
  const files = await inspectFiles(layer, unpacked(all, label)).catch((error) => damaged(label, error));
  return {
    ...(descriptor && { digest: descriptor.digest, mediaType: descriptor.mediaType, size: descriptor.size }),
    diffID,
    compression: compressionOf(first),
    ...(createdBy !== undefined && { createdBy }),
    ...(descriptor?.annotations && { annotations: descriptor.annotations }),
    files,
  };
}

async function inspectFiles(layer: OpenLayer, bytes: AsyncIterable<Buffer>): Promise<FileReport[]> {
  const files: FileReport[] = [];
  for await (const entry of entriesOf(layer, bytes)) {
    const { type, mode, uid, gid, size, mtime, linkname } = entry;
    const wasm = type === 'file' ? await inspectContent(entry.content) : undefined;
    files.push({
      path: cleanName(entry.path),
      type: type === 'link' ? 'hardlink' : String(type),
      mode: mode.toString(8).padStart(4, '0'),
      uid,
      gid,
      size: type === 'file' ? size : 0,
      mtime,
      ...(linkname !== undefined && { target: linkname }),
      ...(wasm && { wasm }),
    });
  }
  return files;
}

async function inspectContent(content: AsyncIterable<Buffer>): Promise<WasmReport | undefined> {
  const scanner = new WasmScanner();
  for await (const chunk of content) scanner.push(chunk);
  const found = scanner.finish();
  if (!found) return undefined;
  const { kind, imports, exports, sections, damaged } = found;
  const custom = sections
    .filter((s) => s.custom !== undefined)
    .map(({ custom: name, size }) => ({ name: name!, size }));
  return { kind, imports, exports, custom, ...(damaged !== undefined && { damaged }) };
}
