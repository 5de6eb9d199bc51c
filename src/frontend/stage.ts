/** What a stage is, once its names are resolved (stages.ts). */
import type { Command, CopyCommand, FromCommand } from './instructions.js';

/** A stage of the Dockerfile. */
export interface Stage {
  readonly index: number;
  /** In lower case; undefined when FROM gives none. */
  readonly name: string | undefined;
  readonly base: Base;
  /** The named context that stands in its place; what the stage says is then not looked at. */
  readonly replacedBy: string | undefined;
  readonly from: FromCommand;
  readonly commands: readonly Exclude<Command, FromCommand>[];
}

export type Base =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'image'; readonly name: string };

/** What a COPY reads from. */
export type CopySource =
  | { readonly kind: 'context' }
  | { readonly kind: 'stage'; readonly stage: Stage }
  /** A named context that is no stage; every COPY has one of its own, as in BuildKit. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'scratch' };

export interface ResolvedStages {
  readonly stages: readonly Stage[];
  readonly target: Stage;
  /** The stages that the target needs, in the order of the file; those that a context replaces included. */
  readonly reached: readonly Stage[];
  readonly sources: ReadonlyMap<CopyCommand, CopySource>;
}
