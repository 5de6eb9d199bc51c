/**
 * Every instruction of a Dockerfile: how its arguments are read, and what wbuild says of those it does not build.
 * @see moby/buildkit frontend/dockerfile/parser/parser.go (dispatch), frontend/dockerfile/instructions/parse.go
 */
import type { FlagTable } from './flags.js';

export interface Keyword {
  /** The arguments may be a JSON array. */
  readonly json: boolean;
  /** Otherwise they are words that blanks separate; false: one text. */
  readonly words: boolean;
  /** Blanks in quotes do not separate those words. */
  readonly quotes?: boolean;
  /** For what is outside the subset: its flags, which are checked even in stages that are not built (undefined: not looked at). */
  readonly flags?: FlagTable;
  /** For what is outside the subset: why, and what to do instead. */
  readonly instead?: string;
}

const RUN_FLAGS: FlagTable = { mount: 'strings', network: 'string', security: 'string', device: 'strings' };

export const KEYWORDS: Readonly<Record<string, Keyword>> = {
  from: { json: false, words: true },
  copy: { json: true, words: true },
  entrypoint: { json: true, words: false },
  add: {
    json: true,
    words: true,
    flags: {
      chown: 'string',
      chmod: 'string',
      link: 'boolean',
      'keep-git-dir': 'boolean',
      checksum: 'string',
      unpack: 'boolean',
      exclude: 'strings',
    },
    instead: 'use COPY for files and folders; unpack archives and fetch URLs before the build',
  },
  arg: {
    json: false,
    words: true,
    quotes: true,
    instead: 'write the value where it is used, or let what calls wbuild write the Dockerfile',
  },
  cmd: {
    json: true,
    words: false,
    flags: {},
    instead: 'write ENTRYPOINT with the arguments in it: ENTRYPOINT ["/program", "argument"]',
  },
  env: { json: false, words: true, quotes: true, flags: {}, instead: 'set the variable where the image runs' },
  expose: {
    json: false,
    words: true,
    flags: {},
    instead: 'publish the port where the image runs; EXPOSE is a note only',
  },
  healthcheck: {
    json: false,
    words: false,
    flags: {
      interval: 'string',
      timeout: 'string',
      'start-period': 'string',
      'start-interval': 'string',
      retries: 'string',
    },
    instead: 'define the check where the image runs',
  },
  label: {
    json: false,
    words: true,
    quotes: true,
    flags: {},
    instead: 'give it on the command line: --label KEY=VALUE',
  },
  maintainer: { json: false, words: false, flags: {}, instead: 'remove it; Docker deprecated MAINTAINER' },
  onbuild: {
    json: false,
    words: false,
    flags: {},
    instead: 'put the instruction into the Dockerfiles that build on this image',
  },
  run: {
    json: true,
    words: false,
    flags: RUN_FLAGS,
    instead:
      'run the command before the build, on your machine or in CI, and COPY what it makes: wbuild starts no process',
  },
  shell: {
    json: true,
    words: false,
    flags: {},
    instead: 'write ENTRYPOINT in the JSON form with the shell of your choice',
  },
  stopsignal: { json: false, words: false, instead: 'give --stop-signal where the image runs' },
  user: { json: false, words: false, flags: {}, instead: 'give --user where the image runs, and --chown to COPY' },
  volume: { json: true, words: true, flags: {}, instead: 'mount the volume where the image runs' },
  workdir: {
    json: false,
    words: false,
    flags: {},
    instead: 'write absolute destinations; the working directory of an image is /',
  },
};
