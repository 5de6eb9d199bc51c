/** An image into what runs containers on this machine: Docker; where that is not, podman or containerd. */
import { type Env, findDocker, type MachineSockets, otherSockets } from '../../docker/endpoint.js';
import { isAbsent, loadIntoContainerd, loadIntoDocker } from '../../docker/load.js';
import { loadableBytes } from '../../exporter/docker-archive.js';
import type { ExportInput } from '../../exporter/exporter.js';

export interface LoadRequest {
  readonly input: ExportInput;
  readonly env: Env;
  /** A Docker context by name. */
  readonly context?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly sockets?: MachineSockets;
}

/**
 * Loads. What somebody named (DOCKER_HOST, a context) is the only place that is tried.
 * @throws BuildError `DockerUnreachable`, `DockerRefused`; `DamagedBlob`
 */
export async function loadImage({ input, env, context, signal, sockets }: LoadRequest): Promise<void> {
  const endpoint = findDocker(env, context, sockets);
  const loading = { archive: () => loadableBytes(input), emit: input.emit, signal };
  try {
    await loadIntoDocker(endpoint, loading);
  } catch (error) {
    if (endpoint.chosen || !isAbsent(error)) throw error;
    for (const other of otherSockets(env, sockets)) {
      try {
        return await loadIntoDocker(other, loading);
      } catch (second) {
        if (!isAbsent(second)) throw second;
      }
    }
    if (!(await loadIntoContainerd(env, { ...loading, named: input.names.length > 0 }))) throw error;
  }
}
