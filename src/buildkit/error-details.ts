/**
 * What a daemon attaches to an error: which vertex failed, and where in the Dockerfile that stands by the source map that we sent.
 * The details are JSON in protobuf's Any.
 * @see moby/buildkit util/grpcerrors/grpcerrors.go, solver/errdefs
 */
import { fromBinary } from './messages.js';
import { StatusSchema } from './proto/status_pb.js';

export interface ErrorDetails {
  /** The digest of the vertex that failed. */
  readonly vertex?: string;
  /** Which of its file actions. */
  readonly action?: number;
  /** Lines of the Dockerfile, from 1. */
  readonly lines?: { readonly start: number; readonly end: number };
}

/** @param bytes a google.rpc.Status; what cannot be understood counts as absent, since it only makes an error plainer */
export function readErrorDetails(bytes: Uint8Array | undefined): ErrorDetails {
  if (!bytes) return {};
  let found: ErrorDetails = {};
  try {
    for (const { typeUrl, value } of fromBinary(StatusSchema, bytes).details) {
      const name = /errdefs\.(Vertex|Source|Solve)(?:\+json)?$/.exec(typeUrl)?.[1];
      if (name === undefined) continue;
      const json = JSON.parse(Buffer.from(value).toString('utf8')) as JsonDetail;
      found = { ...found, ...detailOf(json) };
    }
  } catch {
    // plainer then
  }
  return found;
}

interface JsonDetail {
  readonly digest?: unknown;
  readonly ranges?: readonly {
    readonly start?: { readonly line?: unknown };
    readonly end?: { readonly line?: unknown };
  }[];
  readonly file?: { readonly index?: unknown };
}

function detailOf({ digest, ranges, file }: JsonDetail): ErrorDetails {
  const start = Number(ranges?.[0]?.start?.line);
  const end = Number(ranges?.at(-1)?.end?.line ?? start);
  return {
    ...(typeof digest === 'string' && { vertex: digest }),
    // protobuf's JSON writes 64 bits as a string, and leaves a zero out
    ...(file && { action: Number(file.index ?? 0) }),
    ...(start > 0 && { lines: { start, end: Math.max(start, end || 0) } }),
  };
}
