/** Images in the making: what build.ts hands to whoever makes them, here or on a builder, and what it gets. */
import type { Attester } from '../attest/attester.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { Root } from '../exporter/exporter.js';
import type { Target } from '../oci/image.js';
import type { Emit } from '../progress/event.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import type { OpenStore } from '../store/open-store.js';
import type { StoreWriteOptions } from '../store/store-files.js';
import type { BuildOptions, BuildResult } from './build-options.js';
import type { TargetSource } from './image-writer.js';
import type { Inputs } from './inputs.js';
import type { PlanToSolve } from './solve-plans.js';

/** What a build has found out by the time that its graphs are solved. */
export interface BuildTask extends StoreWriteOptions {
  readonly options: BuildOptions;
  readonly inputs: Inputs;
  /** One for each platform of the inputs. */
  readonly plans: readonly PlanToSolve[];
  readonly opened: OpenStore;
  readonly warn: (warning: Diagnostic) => void;
  /** Hears that the store cannot be used, and why. @throws BuildError where there is no other place for what is built */
  readonly storeLost: (why: string) => void;
  readonly emit: Emit;
  readonly clock: () => bigint;
}

/** Images in the making. */
export interface Making {
  readonly writer: TargetSource;
  readonly blobs: BuildBlobs;
  /** Where anything is to be attested. */
  readonly attester?: Attester | undefined;
  /** The root filesystem of each image of a target. */
  roots(target: Target): Promise<readonly Root[]>;
  /** Writes the caches of --cache-to, once an image is there. */
  readonly exportCaches?: (target: Target) => Promise<void>;
  /** Remembers for the next build what this one learnt, and says what it had to do. */
  finish(): Promise<Pick<BuildResult, 'counters' | 'misses'>>;
  /** Lets go of what it holds, also after a failure. */
  close?(): Promise<void>;
}
