/** The progress of a solve on a daemon → the events of a build. */
import type { Emit } from '../progress/event.js';
import type { StatusResponse, Vertex } from './proto/control_pb.js';

/** Follows the vertices of one solve. What is told twice is emitted once. */
export class StatusFollower {
  readonly #started = new Set<string>();
  readonly #ended = new Set<string>();
  /** Vertices that were found in the daemon's cache, by digest. */
  readonly cached: Set<string> = new Set();

  constructor(readonly emit: Emit) {}

  take({ vertexes, statuses }: StatusResponse): void {
    for (const vertex of vertexes) this.#vertex(vertex);
    for (const { vertex, current, total } of statuses) {
      if (!this.#started.has(vertex) || this.#ended.has(vertex) || current === 0n) continue;
      const known = total > 0n ? { total: Number(total) } : {};
      this.emit({ type: 'step-progress', id: vertex, bytes: Number(current), ...known });
    }
  }

  /** Ends the steps whose end the daemon did not tell. */
  close(message: string | undefined): void {
    for (const id of this.#started) {
      if (this.#ended.has(id)) continue;
      this.#ended.add(id);
      this.emit(message === undefined ? { type: 'step-done', id } : { type: 'step-failed', id, message });
    }
  }

  #vertex({ digest: id, name, started, completed, cached, error }: Vertex): void {
    if (cached) this.cached.add(id);
    if (!started && !completed) return;
    if (!this.#started.has(id)) {
      this.#started.add(id);
      this.emit({ type: 'step-started', id, name });
    }
    if (!completed || this.#ended.has(id)) return;
    this.#ended.add(id);
    this.emit(error === '' ? { type: 'step-done', id, cached } : { type: 'step-failed', id, message: error });
  }
}
