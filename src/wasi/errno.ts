/**
 * Error numbers of WASI preview 1, as far as we give them ourselves.
 * @see https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
 */
export const ERRNO = {
  success: 0,
  acces: 2,
  again: 6,
  io: 29,
  loop: 32,
  nametoolong: 37,
  noent: 44,
  notdir: 54,
  rofs: 69,
  notcapable: 76,
} as const;

const BY_CODE: Readonly<Record<string, number>> = {
  EACCES: ERRNO.acces,
  ELOOP: ERRNO.loop,
  ENAMETOOLONG: ERRNO.nametoolong,
  ENOENT: ERRNO.noent,
  ENOTDIR: ERRNO.notdir,
};

/** The number for a system error. */
export function errnoOfSystem(error: unknown): number {
  return BY_CODE[String((error as { code?: unknown } | null)?.code)] ?? ERRNO.io;
}
