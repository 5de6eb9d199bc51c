/** A BuildKit daemon as this program sees it: what Control offers, over whatever leads there. */
import { BuildError, fail } from '../diagnostic/build-error.js';
import type { BuilderAddress } from './address.js';
import { CONNECT_TIMEOUT, negotiate, pingDocker, probe, secure, silent, upgrade } from './dial.js';
import { type CallOptions, Channel, GrpcError, STATUS } from './grpc.js';
import type { MessageInitShape } from './messages.js';
import {
  Control,
  type PruneRequestSchema,
  type SolveRequestSchema,
  type SolveResponse,
  type StatusResponse,
  type UsageRecord,
  type WorkerRecord,
} from './proto/control_pb.js';

/** What a daemon says of itself. */
export interface BuilderInfo {
  /** As it says it, as in "v0.13.2"; empty where it does not. */
  readonly version: string;
  /** The API version of the dockerd that it is part of. */
  readonly dockerApi?: string;
}

export class BuilderClient {
  readonly address: BuilderAddress;
  /** Negotiated with dockerd; undefined: this is a BuildKit daemon. */
  readonly dockerApi: string | undefined;
  readonly #channel: Channel;

  private constructor(address: BuilderAddress, dockerApi: string | undefined) {
    this.address = address;
    this.dockerApi = dockerApi;
    this.#channel = new Channel({
      at: address.at,
      encrypted: address.tls !== undefined,
      prepare: async (socket) => {
        const ready = await secure(socket, address);
        return dockerApi === undefined ? ready : upgrade(ready, address, { endpoint: 'grpc', apiVersion: dockerApi });
      },
    });
  }

  /**
   * Finds out what is at an address, and connects to it.
   * @throws BuildError `BuilderUnreachable`, `BuilderUntrusted`, `BuilderTooOld`
   */
  static async connect(address: BuilderAddress, timeout = CONNECT_TIMEOUT): Promise<BuilderClient> {
    if (address.kind === 'buildkit') {
      await probe(address, timeout); // says what is wrong better than gRPC does
      return new BuilderClient(address, undefined);
    }
    const theirs = await pingDocker(address, timeout);
    if (theirs === undefined && address.kind === 'docker') {
      fail({
        code: 'BuilderUnreachable',
        message: `what listens at ${address.shown} is no Docker daemon`,
        hint: 'see DOCKER_HOST; name a BuildKit daemon by its address: --builder unix:///path or tcp://host:port',
      });
    }
    return new BuilderClient(address, theirs === undefined ? undefined : negotiate(address, theirs));
  }

  /** @throws BuildError `BuilderUnreachable`, `BuilderTooOld` */
  async info(timeout = CONNECT_TIMEOUT): Promise<BuilderInfo> {
    const docker = this.dockerApi === undefined ? {} : { dockerApi: this.dockerApi };
    try {
      const { version } = await this.#channel.unary(Control.method.info, {}, { timeout });
      return { version: version?.version ?? '', ...docker };
    } catch (error) {
      if (error instanceof GrpcError && error.code === STATUS.UNIMPLEMENTED)
        return tooOld(this.address, 'it does not tell its version');
      return this.explain(error, timeout);
    }
  }

  /** @throws BuildError `BuilderUnreachable` */
  async workers(): Promise<readonly WorkerRecord[]> {
    const work = this.#channel.unary(Control.method.listWorkers, {}, { timeout: CONNECT_TIMEOUT });
    return (await work.catch((error) => this.explain(error))).record;
  }

  /** @param filter as in containerd: `type==source.local`. @throws BuildError `BuilderUnreachable`, `BuilderFailed` */
  async diskUsage(filter: readonly string[] = []): Promise<readonly UsageRecord[]> {
    const work = this.#channel.unary(Control.method.diskUsage, { filter: [...filter] }, { timeout: 60_000 });
    return (await work.catch((error) => this.explain(error, 60_000))).record;
  }

  /** Gives what was removed, while it is removed. @throws BuildError `BuilderUnreachable`, `BuilderFailed` */
  async *prune(
    request: MessageInitShape<typeof PruneRequestSchema>,
    signal?: AbortSignal,
  ): AsyncGenerator<UsageRecord, void> {
    try {
      yield* this.#channel.serverStream(Control.method.prune, request, { signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      this.explain(error);
    }
  }

  /** @throws GrpcError; the reason of the signal when it is aborted */
  solve(request: MessageInitShape<typeof SolveRequestSchema>, options: CallOptions): Promise<SolveResponse> {
    return this.#channel.unary(Control.method.solve, request, options);
  }

  /** The progress of a solve. @throws as {@link solve} does */
  status(ref: string, options: CallOptions): AsyncGenerator<StatusResponse, void> {
    return this.#channel.serverStream(Control.method.status, { ref }, options);
  }

  /** The stream of bytes that a session is served on. */
  sessionStream(headers: NonNullable<CallOptions['headers']>) {
    return this.#channel.duplex(Control.method.session, { headers });
  }

  close(): void {
    this.#channel.close();
  }

  /** Puts the failure of a call into words. @throws BuildError */
  explain(error: unknown, timeout = CONNECT_TIMEOUT): never {
    if (error instanceof BuildError || !(error instanceof GrpcError)) throw error;
    const { shown } = this.address;
    if (error.code === STATUS.DEADLINE_EXCEEDED) throw silent(this.address, timeout);
    if (error.code === STATUS.UNAVAILABLE || error.code === STATUS.UNIMPLEMENTED || error.code === STATUS.INTERNAL) {
      const message = `what listens at ${shown} does not answer as BuildKit does: ${error.message}`;
      return fail({ code: 'BuilderUnreachable', message, hint: 'see whether --builder names the right place' }, error);
    }
    const message = `the builder ${shown} failed: ${error.message}`;
    // the parser of filters is containerd's, and has no status of its own
    const hint = /\bfilters: parse error\b/.test(error.message)
      ? 'a filter is a field, an operator (==, !=, ~=) and a value, in double quotes if it has more than letters and digits'
      : 'see the log of the builder';
    return fail({ code: 'BuilderFailed', message, hint }, error);
  }
}

/** The first version that rewrites timestamps in layers, without which no digest would be that of a local build; and the API of a dockerd that has it. */
const OLDEST = { minor: 13, dockerApi: 45 } as const;

/**
 * Refuses a daemon that cannot make our images. One that does not say its version (as 0.0.0, which is what distributions build) is judged by
 * the version of its API where it is dockerd's, and else may try.
 * @throws BuildError `BuilderTooOld`
 */
export function checkVersion(address: BuilderAddress, { version, dockerApi }: BuilderInfo): void {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const unknown = major === undefined || [major, minor, patch].every((n) => Number(n) === 0);
  if (!unknown && Number(major) === 0 && Number(minor) < OLDEST.minor) tooOld(address, version);
  const api = Number(dockerApi?.split('.')[1] ?? Number.POSITIVE_INFINITY);
  if (unknown && api < OLDEST.dockerApi) tooOld(address, `that of a Docker daemon with API ${dockerApi}`);
}

function tooOld(address: BuilderAddress, version: string): never {
  return fail({
    code: 'BuilderTooOld',
    message: `the BuildKit of ${address.shown} is too old (${version}): it cannot rewrite the times in layers, so its digests are not those of a local build`,
    hint: `update it to BuildKit 0.${OLDEST.minor} or Docker 26, or newer; or leave --builder out`,
  });
}
