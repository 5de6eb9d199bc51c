/** The public API: docs/api.md has examples. Diagnostics are values; nothing here prints, exits or reads the environment. */
export type { AttestOptions, ProvenanceOptions } from './attest/options.js';
export type {
  BuildCounters,
  BuildOptions,
  BuildResult,
  BuiltImage,
  CacheFrom,
  CacheTo,
  ContextSpec,
  LayerMiss,
  LoadSpec,
  OutputSpec,
  PushSpec,
} from './build/build-options.js';
export { type AttestRequest, type BuildRequest, build, type OutputRequest } from './build/build-request.js';
export { type CheckOptions, type CheckResult, check, ruleUrl } from './build/check/check.js';
export { type ParsedDockerfile, type ParseOptions, parseDockerfile } from './build/check/dockerfile.js';
export type { BuilderOptions } from './buildkit/address.js';
export { BuildError } from './diagnostic/build-error.js';
export { CODES, type DiagnosticCode } from './diagnostic/codes.js';
export type { Diagnostic, Position, SourceRange } from './diagnostic/diagnostic.js';
export { type FormatOptions, formatDiagnostic, formatDiagnosticsJson } from './diagnostic/format.js';
export { formatGithub } from './diagnostic/format-github.js';
export { formatSarif, type SarifOptions } from './diagnostic/format-sarif.js';
export type { Document, Heredoc, Instruction, Word } from './frontend/document.js';
export type { Annotation } from './oci/annotations.js';
export type { Descriptor, Platform } from './oci/descriptor.js';
export type { CacheMiss } from './progress/cache-miss.js';
export type { BuildEvent, Emit } from './progress/event.js';
export type { Digest } from './util/digest.js';
