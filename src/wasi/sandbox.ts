/**
 * What a program imports of WASI preview 1, over that of node:wasi: paths stay below the folders that the program was given (guest-path.ts), and
 * folders that are for reading stay as they are, whoever runs the program.
 */
import { ERRNO } from './errno.js';
import { type Base, resolveGuestPath } from './guest-path.js';
import { type GuestMemory, ScratchCall } from './scratch.js';

/** A folder that a program was given, under a name. */
export interface Preopen {
  /** What the program calls it. */
  readonly guest: string;
  /** Real, and absolute. */
  readonly folder: string;
  readonly isRoot: boolean;
  readonly writable: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: i32 are numbers and i64 bigints, as each function has it
export type Syscall = (...args: any[]) => number;
export type Syscalls = Readonly<Record<string, Syscall>>;

/** The first file descriptor behind the standard streams: those of the folders come in their order. */
const FIRST_PREOPEN = 3;

const FOLLOW = 1; // lookupflags
const CREATE_OR_TRUNCATE = 1 | 8; // oflags
const NONBLOCK = 4; // fdflags
/** Rights that change a file: fd_write, fd_allocate, fd_filestat_set_size. */
const WRITE_RIGHTS = (1n << 6n) | (1n << 8n) | (1n << 22n);

/** A folder, with the descriptor by which it can be named: none, once the program has closed it. */
interface OpenBase extends Base {
  readonly writable: boolean;
  fd: number | undefined;
}

/** What a descriptor of the program stands for. */
interface Place {
  readonly base: OpenBase;
  readonly path: readonly string[];
}

/** Where in the arguments of a call a path stands: descriptor, pointer, length, and how a link at its end is taken. */
interface PathArgument {
  readonly fd: number;
  readonly pointer: number;
  readonly length: number;
  readonly follow: boolean;
}

/**
 * The imports of a program.
 * @param memory its memory, which is there once it runs
 * @param sleep waits for some milliseconds
 */
export function sandboxed(
  calls: Syscalls,
  preopens: readonly Preopen[],
  { memory, sleep }: { readonly memory: () => GuestMemory; readonly sleep: (ms: number) => void },
): Syscalls {
  const places = new Map<number, Place>();
  for (const [i, { folder, isRoot, writable }] of preopens.entries()) {
    const fd = FIRST_PREOPEN + i;
    places.set(fd, { base: { folder: Buffer.from(folder).toString('latin1'), isRoot, writable, fd }, path: [] });
  }
  const isReadOnly = (fd: number) => places.get(fd)?.base.writable === false;

  /** Makes a call with its paths resolved. `uses` are the stretches of memory that it reads or writes besides. */
  const withPaths = (
    name: string,
    args: unknown[],
    { paths, uses = [] }: { paths: readonly PathArgument[]; uses?: readonly (readonly [number, number])[] },
  ): { readonly errno: number; readonly place?: Place } => {
    const scratch = new ScratchCall(memory(), uses);
    let place: Place | undefined;
    for (const { fd, pointer, length, follow } of paths) {
      const from = places.get(args[fd] as number);
      if (!from) continue; // no folder: node:wasi knows the error
      const [at, size] = [Number(args[pointer]) >>> 0, Number(args[length]) >>> 0];
      const path = scratch.read(at, size);
      if (path === undefined) continue; // outside of the memory
      const found = resolveGuestPath({ base: from.base, from: from.path, path, followLast: follow });
      if (typeof found === 'number') return { errno: found };
      place = { base: from.base, path: found.path };
      if (!found.changed) continue;
      if (from.base.fd === undefined) return { errno: ERRNO.notcapable };
      args[fd] = from.base.fd;
      const text = found.path.length === 0 ? '.' : found.path.join('/') + (found.slash ? '/' : '');
      const lent = scratch.lend(text);
      if (lent === undefined) return { errno: ERRNO.nametoolong };
      args[pointer] = lent;
      args[length] = text.length;
    }
    try {
      return { errno: calls[name]!(...args), ...(place && { place }) };
    } finally {
      scratch.restore();
    }
  };

  const one = (fd: number, follow = false): readonly PathArgument[] => [
    { fd, pointer: fd + 1, length: fd + 2, follow },
  ];
  const changing = (name: string, paths: (args: unknown[]) => readonly PathArgument[], text?: number): Syscall => {
    return (...args: unknown[]) => {
      const list = paths(args);
      if (list.some(({ fd }) => isReadOnly(args[fd] as number))) return ERRNO.rofs;
      const uses: [number, number][] =
        text === undefined ? [] : [[Number(args[text]) >>> 0, Number(args[text + 1]) >>> 0]];
      return withPaths(name, args, { paths: list, uses }).errno;
    };
  };
  const changingFile = (name: string): Syscall => {
    return (fd: number, ...args: unknown[]) => (isReadOnly(fd) ? ERRNO.rofs : calls[name]!(fd, ...args));
  };

  /** Standard streams may be pipes that do not wait, which no program expects that did not ask for it. */
  const impatient = new Set<number>();
  const patient = (name: string): Syscall => {
    return (fd: number, ...args: unknown[]) => {
      for (;;) {
        const errno = calls[name]!(fd, ...args);
        if (errno !== ERRNO.again || fd >= FIRST_PREOPEN || impatient.has(fd)) return errno;
        sleep(1);
      }
    };
  };

  const own: Syscalls = {
    path_open: (...args) => {
      const [fd, lookup, , , oflags, rights, , , out] = args;
      const changes = (oflags & CREATE_OR_TRUNCATE) !== 0 || (BigInt(rights) & WRITE_RIGHTS) !== 0n;
      if (changes && isReadOnly(fd)) return ERRNO.rofs;
      const paths: readonly PathArgument[] = [{ fd: 0, pointer: 2, length: 3, follow: (lookup & FOLLOW) !== 0 }];
      const { errno, place } = withPaths('path_open', args, { paths, uses: [[out >>> 0, 4]] });
      if (errno === ERRNO.success && place) places.set(new DataView(memory().buffer).getUint32(out >>> 0, true), place);
      return errno;
    },
    path_filestat_get: (...args) => {
      const paths: readonly PathArgument[] = [{ fd: 0, pointer: 2, length: 3, follow: (args[1] & FOLLOW) !== 0 }];
      return withPaths('path_filestat_get', args, { paths, uses: [[args[4] >>> 0, 64]] }).errno;
    },
    path_readlink: (...args) =>
      withPaths('path_readlink', args, {
        paths: one(0),
        uses: [
          [args[3] >>> 0, args[4] >>> 0],
          [args[5] >>> 0, 4],
        ],
      }).errno,
    path_create_directory: changing('path_create_directory', () => one(0)),
    path_remove_directory: changing('path_remove_directory', () => one(0)),
    path_unlink_file: changing('path_unlink_file', () => one(0)),
    path_symlink: changing('path_symlink', () => one(2), 0),
    path_rename: changing('path_rename', () => [...one(0), ...one(3)]),
    path_link: changing('path_link', (args) => [
      { fd: 0, pointer: 2, length: 3, follow: (Number(args[1]) & FOLLOW) !== 0 },
      ...one(4),
    ]),
    path_filestat_set_times: changing('path_filestat_set_times', (args) => [
      { fd: 0, pointer: 2, length: 3, follow: (Number(args[1]) & FOLLOW) !== 0 },
    ]),
    fd_filestat_set_times: changingFile('fd_filestat_set_times'),
    fd_filestat_set_size: changingFile('fd_filestat_set_size'),
    fd_allocate: changingFile('fd_allocate'),
    fd_read: patient('fd_read'),
    fd_write: patient('fd_write'),
    fd_fdstat_set_flags: (fd, flags) => {
      const errno = calls.fd_fdstat_set_flags!(fd, flags);
      if (errno === ERRNO.success && (flags & NONBLOCK) !== 0) impatient.add(fd);
      else if (errno === ERRNO.success) impatient.delete(fd);
      return errno;
    },
    fd_close: (fd) => {
      const errno = calls.fd_close!(fd);
      if (errno === ERRNO.success) forget(places, fd);
      return errno;
    },
    fd_renumber: (from, to) => {
      const errno = calls.fd_renumber!(from, to);
      if (errno !== ERRNO.success || from === to) return errno;
      const place = places.get(from);
      forget(places, to);
      places.delete(from);
      if (place) places.set(to, place);
      if (place && place.base.fd === from) place.base.fd = to;
      return errno;
    },
  };
  return { ...calls, ...own };
}

function forget(places: Map<number, Place>, fd: number): void {
  const place = places.get(fd);
  if (place?.base.fd === fd) place.base.fd = undefined;
  places.delete(fd);
}
