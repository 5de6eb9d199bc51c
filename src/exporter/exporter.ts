/** What an exporter is, and the table of them: a new output type is a file beside this one and a row here. */
import { dockerArchiveExporter } from './docker-archive.js';
import { localExporter } from './local.js';
import { ociExporter } from './oci-layout.js';
import { tarExporter } from './tar.js';
import type { Exporter } from './types.js';

export { checkDestination } from './destination.js';
export type { Destination, Exporter, ExportInput, Root } from './types.js';

/** By the type of an output (`type=` of -o). */
export const EXPORTERS = {
  oci: ociExporter,
  docker: dockerArchiveExporter,
  local: localExporter,
  tar: tarExporter,
  /** The build fills the store, and that is all. */
  cacheonly: { export: async () => undefined },
} as const satisfies Record<string, Exporter>;
