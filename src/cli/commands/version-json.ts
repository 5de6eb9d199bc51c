/** `wbuild version --json`. */
import { PIECE_SIZE } from '../../layer/pieces.js';
import { LAYER_FORMAT } from '../../solver/layer-key.js';
import { PIECES_VERSION } from '../../store/piece-index.js';
import { RECORDS_VERSION } from '../../store/records.js';
import { ownManifest, readVersion } from './version.js';

/** The Node that runs, as `process` describes it. */
export interface Runtime {
  /** With a v in front. */
  readonly version: string;
  readonly platform: string;
  readonly arch: string;
}

/**
 * The version, with what else a report of two digests that differ has to say: `layers` is that of the bytes of layers,
 * `compressors` and `pieceSize` decide those of compressed ones. The formats of the cache decide none, but which caches are read.
 */
export function versionJson(runtime: Runtime): string {
  const { dependencies = {} } = ownManifest();
  const named = (name: string) => `${name} ${dependencies[name] ?? 'unknown'}`;
  const all = {
    version: readVersion(),
    node: runtime.version.replace(/^v/, ''),
    platform: runtime.platform,
    arch: runtime.arch,
    compressors: { gzip: named('pako'), zstd: named('@bokuweb/zstd-wasm') },
    layers: LAYER_FORMAT,
    pieceSize: PIECE_SIZE,
    cache: { records: RECORDS_VERSION, pieces: PIECES_VERSION },
  };
  return `${JSON.stringify(all, null, 2)}\n`;
}
