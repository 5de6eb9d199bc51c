/** The options of `docker buildx build` that wbuild lacks: why, and what to do instead. None is ignored unless it would change nothing. */
import type { Takes } from './argv.js';

export interface ForeignOption {
  readonly takes: Takes;
  readonly why: string;
  readonly instead: string;
  /** Values that mean what wbuild does anyway, and so pass silently. */
  readonly harmless?: RegExp;
}

const ANY = /^/;
const NO = /^(?:0|f|F|false|FALSE|False)$/;

const RUN_ONLY = 'it only concerns RUN, and wbuild builds nothing that has a RUN';
const LEAVE_OUT = 'leave it out: the image is the same without it';

const runOnly = (takes: Takes = 'value'): ForeignOption => ({ takes, why: RUN_ONLY, instead: LEAVE_OUT });
const noEffect = (takes: Takes): ForeignOption => ({ takes, why: '', instead: '', harmless: ANY });

/** By long name; the short letters are in {@link FOREIGN_SHORT}. */
export const FOREIGN: ReadonlyMap<string, ForeignOption> = new Map<string, ForeignOption>([
  [
    'build-arg',
    {
      takes: 'value',
      why: 'there is no ARG in the subset that wbuild builds, so nothing could read it',
      instead: 'leave it out',
      harmless: /^SOURCE_DATE_EPOCH=/, // read by args.ts
    },
  ],
  ['secret', runOnly()],
  ['ssh', runOnly()],
  ['add-host', runOnly()],
  ['allow', runOnly()],
  ['shm-size', runOnly()],
  ['ulimit', runOnly()],
  ['cgroup-parent', runOnly()],
  ['isolation', runOnly()],
  ['security-opt', runOnly()],
  ['memory', runOnly()],
  ['memory-swap', runOnly()],
  ['cpu-shares', runOnly()],
  ['cpu-period', runOnly()],
  ['cpu-quota', runOnly()],
  ['cpuset-cpus', runOnly()],
  ['cpuset-mems', runOnly()],
  ['resource', runOnly()],
  [
    'policy',
    {
      takes: 'value',
      why: 'a policy is about images and files from elsewhere, and wbuild fetches nothing',
      instead: 'leave it out',
    },
  ],
  [
    'no-cache-filter',
    {
      takes: 'value',
      why: 'the cache cannot be bypassed for one stage',
      instead: 'use --no-cache, which bypasses it for all',
    },
  ],
  [
    'call',
    {
      takes: 'value',
      why: 'what does not build is a command of its own',
      instead: 'use wbuild check for the errors and warnings of a Dockerfile, wbuild llb for its graph',
      harmless: /^build$/,
    },
  ],
  ['check', { takes: 'nothing', why: 'checking is a command of its own', instead: 'use wbuild check', harmless: NO }],
  [
    'print',
    {
      takes: 'value',
      why: 'what does not build is a command of its own',
      instead: 'use wbuild check for the errors and warnings of a Dockerfile, wbuild llb for its graph',
    },
  ],
  [
    'debug',
    { takes: 'nothing', why: 'there is no debugger', instead: 'use --progress plain to see every step', harmless: NO },
  ],
  ['detach', { takes: 'nothing', why: 'there is no server to detach', instead: 'leave it out', harmless: NO }],
  [
    'root',
    { takes: 'value', why: 'there is no server', instead: 'leave it out; --cache-dir says where the cache lies' },
  ],
  ['server-config', { takes: 'value', why: 'there is no server', instead: 'leave it out' }],
  [
    'squash',
    {
      takes: 'nothing',
      why: 'layers are those of the Dockerfile',
      instead: 'copy everything with one COPY --from=STAGE / / in a last stage',
      harmless: NO,
    },
  ],
  ['network', noEffect('value')], // of RUN, and of pulling a base: there is neither
  ['pull', noEffect('nothing')], // no base image to pull
  ['rm', noEffect('nothing')], // no intermediate containers
  ['force-rm', noEffect('nothing')],
  ['compress', noEffect('nothing')], // no context is sent anywhere
  ['disable-content-trust', noEffect('nothing')], // no base image to trust
]);

export const FOREIGN_SHORT: ReadonlyMap<string, string> = new Map([
  ['D', 'debug'],
  ['m', 'memory'],
  ['c', 'cpu-shares'],
]);
