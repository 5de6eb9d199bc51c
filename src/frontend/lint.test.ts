/**
 * What BuildKit's own tests of its linter expect, as far as it concerns the subset: the rule, by its name, and the line.
 * @see moby/buildkit frontend/dockerfile/dockerfile_lint_test.go
 */
import { describe, expect, test } from '@jest/globals';
import type { PlanOptions } from '../build/plan.js';
import { analyzeLines } from '../test/analyze-lines.js';
import { isBuildKitRule, RULES } from './lint.js';

/** The warnings of a file, as `line Rule`; and whether it is an error that there are any. */
function lint(lines: readonly string[], options: Partial<PlanOptions> = {}): string[] {
  const { warnings, check } = analyzeLines(lines, { allStages: true, ...options });
  const found = warnings
    .filter((w) => isBuildKitRule(w.code))
    .map(({ code, range }) => `${range!.instructionLine ?? range!.start.line} ${code}`);
  return check.error && found.length > 0 ? [...found, 'error'] : found;
}

type Row = readonly [lines: readonly string[], found: readonly string[], options?: Partial<PlanOptions>];

const CASING = ['FROM scratch as base', 'copy a .'];
const FOUND = ['2 FromAsCasing', '3 ConsistentInstructionCasing'];

describe('# check=', () => {
  test.each<Row>([
    [['# words', ...CASING], FOUND],
    [['# check=skip=all', ...CASING], []],
    [['# check=skip=all;error=true', ...CASING], []],
    [['# check=skip=ConsistentInstructionCasing,FromAsCasing', ...CASING], []],
    [['# check=skip=ConsistentInstructionCasing,FromAsCasing;error=true', ...CASING], []],
    [['# check=skip=ConsistentInstructionCasing', ...CASING], ['2 FromAsCasing']],
    [
      ['# check=skip=ConsistentInstructionCasing;error=true', ...CASING],
      ['2 FromAsCasing', 'error'],
    ],
    [
      ['# check=error=true', ...CASING],
      [...FOUND, 'error'],
    ],
    [['# check=error=false', ...CASING], FOUND],
    [['# check=skip=all;skip=FromAsCasing', ...CASING], []],
    [
      ['FROM scratch as base', '# check=skip=ConsistentInstructionCasing', 'copy a .'],
      ['1 FromAsCasing', FOUND[1]!],
    ],
  ])('%j: %j', (lines, found) => {
    expect(lint(lines)).toEqual(found);
  });
});

describe('names and keywords', () => {
  test.each<Row>([
    [
      ['FROM scratch AS BadStageName', '', 'FROM scratch as base2', 'FROM scratch AS base3'],
      ['1 StageNameCasing', '3 FromAsCasing'],
    ],
    [['from scratch AS base', 'from scratch as base2'], ['1 FromAsCasing']],
    [['FROM scratch', 'COPY a \\', '', '.', 'COPY a \\', '.'], ['3 NoEmptyContinuation']],
    [['From scratch as base', 'FROM scratch AS base2'], ['1 ConsistentInstructionCasing']],
    [['frOM scratch as base', 'from scratch as base2'], ['1 ConsistentInstructionCasing']],
    [['FROM scratch', 'copy a /foo', 'COPY a /bar'], ['2 ConsistentInstructionCasing']],
    [['from scratch', 'COPY a /foo', 'copy a /bar'], ['2 ConsistentInstructionCasing']],
    [['from scratch', 'COPY a /foo', 'COPY a /bar', 'COPY a /baz'], ['1 ConsistentInstructionCasing']],
    [['FROM scratch', 'copy a /foo', 'copy a /bar', 'copy a /baz'], ['1 ConsistentInstructionCasing']],
    [['from scratch', 'copy a /foo', 'copy a /bar'], []],
    [['FROM scratch', 'COPY a /foo', 'COPY a /bar'], []],
    [['FROM scratch AS b', 'FROM scratch AS b'], ['2 DuplicateStageName']],
    [['FROM scratch AS b1', 'FROM scratch AS b2'], []],
    [
      ['FROM scratch AS scratch', 'FROM scratch AS context'],
      ['1 ReservedStageName', '2 ReservedStageName'],
    ],
    [['FROM scratch', 'FROM scratch AS a'], []],
  ])('%j: %j', (lines, found) => {
    expect(lint(lines)).toEqual(found);
  });

  test('warnings are told beside the errors of a file', () => {
    expect(lint(['FROM scratch AS BadStageName', 'BADCMD'])).toEqual(['1 StageNameCasing']);
  });
});

describe('ENTRYPOINT', () => {
  test.each<Row>([
    [['FROM scratch', 'ENTRYPOINT mycommand'], ['2 JSONArgsRecommended']],
    [['FROM scratch', 'ENTRYPOINT ["mycommand"]'], []],
    [['FROM scratch', 'SHELL ["/usr/bin/customshell"]', 'ENTRYPOINT mycommand'], []],
    [['FROM scratch AS base', 'SHELL ["/usr/bin/customshell"]', 'FROM base', 'ENTRYPOINT mycommand'], []],
    [['FROM scratch', 'ENTRYPOINT ["/a"]', 'ENTRYPOINT ["/b"]'], ['2 MultipleInstructionsDisallowed']],
    [
      ['FROM scratch', 'ENTRYPOINT ["/a"]', 'COPY <<E /x', 'text', 'E', 'ENTRYPOINT ["/b"]'],
      ['2 MultipleInstructionsDisallowed'],
    ],
    [['FROM scratch AS a', 'ENTRYPOINT ["/a"]', 'FROM a AS b', 'ENTRYPOINT ["/b"]'], []],
  ])('%j: %j', (lines, found) => {
    expect(lint(lines)).toEqual(found);
  });
});

describe('FROM', () => {
  test.each<Row>([
    [['ARG base=scratch', 'FROM $base', 'COPY a .'], []],
    [['ARG BUILDPLATFORM=linux/amd64', 'FROM --platform=$BUILDPLATFORM scratch'], []],
    [['FROM --platform=$BUILDPLATFORM scratch', 'COPY a .'], []],
    [['ARG DEBUG', 'FROM scratch${DEBUG}', 'COPY a .'], []],
    [['ARG DEBUG', 'FROM scra${DEBUG:-tch}', 'COPY a .'], []],
    [['ARG DEBUG=""', 'FROM scratch${DEBUG-@bogus}', 'COPY a .'], []],
    [['FROM --platform=$BULIDPLATFORM scratch', 'COPY a .'], ['1 UndefinedArgInFrom']],
    [['ARG MY_OS=linux', 'ARG MY_ARCH=amd64', 'FROM --platform=linux/${MYARCH} busybox'], ['3 UndefinedArgInFrom']],
    [['ARG tag=latest', 'FROM busybox:${tag}${version} AS b'], ['2 UndefinedArgInFrom']],
    [['FROM --platform=$TARGETPLATFORM scratch'], ['1 RedundantTargetPlatform']],
    [['FROM --platform=${TARGETPLATFORM} scratch'], ['1 RedundantTargetPlatform']],
    [['ARG VERSION', 'FROM busybox:$VERSION'], ['2 InvalidDefaultArgInFrom']],
    [['ARG IMAGE', 'FROM $IMAGE'], ['2 InvalidDefaultArgInFrom']],
    [['ARG SFX="box:"', 'FROM busy${SFX}'], ['2 InvalidDefaultArgInFrom']],
    [['ARG VERSION="latest"', 'FROM busybox:${VERSION}'], []],
    [['ARG BUSYBOX_VARIANT=""', 'FROM busybox:stable${BUSYBOX_VARIANT}'], []],
    [['ARG BUSYBOX_VARIANT', 'FROM busybox:stable${BUSYBOX_VARIANT}'], []],
    [['FROM --platform=linux/amd64 scratch'], ['1 FromPlatformFlagConstDisallowed']],
    [['FROM --platform=linux/amd64 scratch AS my_amd64_stage'], []],
    [['FROM --platform=linux/amd64 scratch AS linux'], []],
  ])('%j: %j', (lines, found) => {
    expect(lint(lines)).toEqual(found);
  });
});

describe('COPY', () => {
  const ignored = { excludes: ['Dockerfile'] };

  test.each<Row>([
    [['FROM scratch', 'COPY Dockerfile .'], ['2 CopyIgnoredFile'], ignored],
    [['# check=skip=CopyIgnoredFile', 'FROM scratch', 'COPY Dockerfile .'], [], ignored],
    [
      ['FROM scratch AS base', 'COPY Dockerfile /foobar', 'FROM base', 'COPY --from=base /foobar /Dockerfile'],
      [],
      { excludes: ['foobar'] },
    ],
    [
      ['FROM scratch AS first', 'COPY $foo .', 'FROM scratch AS second', 'COPY $bar .'],
      ['2 UndefinedVar', '4 UndefinedVar'],
    ],
    [
      ['FROM scratch AS first', 'COPY $foo .', 'FROM scratch AS second', 'COPY $bar .'],
      ['4 UndefinedVar'],
      { allStages: false },
    ],
    [['FROM scratch', 'ARG foo', 'COPY Dockerfile${foo} .'], []],
    [['FROM scratch AS base', 'ARG foo=Dockerfile', 'FROM base', 'COPY $foo .'], []],
    [['FROM scratch', 'COPY $foo .', 'ARG foo=bar'], ['2 UndefinedVar']],
    [['FROM scratch', 'ARG DIR_ASSETS=assets/', 'COPY $DIR_ASSET .'], ['3 UndefinedVar']],
    [['FROM scratch', 'COPY $PAHT .'], ['2 UndefinedVar']],
    [['FROM scratch', 'COPY $PATH .'], []],
    [['FROM scratch', 'COPY $BUILDKIT_SBOM_SCAN_STAGE $BUILDKIT_SBOM_SCAN_CONTEXT /'], []],
  ])('%j: %j', (lines, found, options = {}) => {
    expect(lint(lines, options)).toEqual(found);
  });
});

describe('comments that describe', () => {
  const on = '# check=experimental=InvalidDefinitionDescription';

  test.each<Row>([
    [['# no description', 'FROM scratch AS base'], []],
    [[on, '# foo this is the foo', 'ARG foo=bar', '', '# base this is the base image', 'FROM scratch AS base'], []],
    [[on, 'FROM scratch', '# version is one', 'ARG version=latest', '# comment for a COPY', 'COPY a .'], []],
    [[on, 'FROM scratch', '# baz this is the baz', 'ARG foo=baz bar=qux baz=quux', '#', 'ARG bit=bat'], []],
    [
      [
        on,
        '# bar this is the bar',
        'ARG foo=bar',
        '# BasE this is the BasE image',
        'FROM scratch AS base',
        '# bad',
        'ARG version=latest',
        '# bad',
        'ARG foo=baz bar=qux',
      ],
      [
        '3 InvalidDefinitionDescription',
        '5 InvalidDefinitionDescription',
        '7 InvalidDefinitionDescription',
        '9 InvalidDefinitionDescription',
      ],
    ],
    [['# check=experimental=all', '# bad', 'FROM scratch AS base'], ['3 InvalidDefinitionDescription']],
    [['# check=skip=all;experimental=all', '# bad', 'FROM scratch AS base'], ['3 InvalidDefinitionDescription']],
  ])('%j: %j', (lines, found) => {
    expect(lint(lines)).toEqual(found);
  });
});

test('each rule of BuildKit names the page where BuildKit explains it', () => {
  const pages = RULES.flatMap(({ code, url }) =>
    url === undefined ? [] : [[code, url.replace(/^https:\/\/docs\.docker\.com\/go\/dockerfile\/rule\//, '')]],
  );
  expect(Object.fromEntries(pages)).toEqual({
    ConsistentInstructionCasing: 'consistent-instruction-casing/',
    CopyIgnoredFile: 'copy-ignored-file/',
    DuplicateStageName: 'duplicate-stage-name/',
    FromAsCasing: 'from-as-casing/',
    FromPlatformFlagConstDisallowed: 'from-platform-flag-const-disallowed/',
    InvalidDefaultArgInFrom: 'invalid-default-arg-in-from/',
    InvalidDefinitionDescription: 'invalid-definition-description/',
    JSONArgsRecommended: 'json-args-recommended/',
    MultipleInstructionsDisallowed: 'multiple-instructions-disallowed/',
    NoEmptyContinuation: 'no-empty-continuation/',
    RedundantTargetPlatform: 'redundant-target-platform/',
    ReservedStageName: 'reserved-stage-name/',
    StageNameCasing: 'stage-name-casing/',
    UndefinedArgInFrom: 'undefined-arg-in-from/',
    UndefinedVar: 'undefined-var/',
  });
});

test('the folder / of an absolute source may be what is ignored', () => {
  const lines = ['FROM scratch', 'COPY a /', 'COPY /a /', 'COPY /b/a /', 'COPY //? /'];
  expect(lint(lines, { excludes: ['[^a]'] })).toEqual(['3 CopyIgnoredFile', '5 CopyIgnoredFile']);
});

describe('a stage that a context stands in for', () => {
  const lines = ['FROM scratch AS one', 'SHELL ["x"]', 'COPY $U gone /', 'ENTRYPOINT a', 'ENTRYPOINT b'];
  const named = new Map([['one', { kind: 'local', excludes: [] } as const]]);
  const options = { named, excludes: ['gone'] };

  test('is judged where all stages are, with the variables of the context, which are those of scratch', () => {
    const found = ['3 UndefinedVar', '3 CopyIgnoredFile', '4 MultipleInstructionsDisallowed'];
    expect(lint([...lines, 'FROM scratch', 'COPY --from=one a /'], options)).toEqual(found);
  });

  test('is not in a build', () => {
    expect(lint([...lines, 'FROM scratch', 'COPY --from=one a /'], { ...options, allStages: false })).toEqual([]);
  });

  test('takes no SHELL from the stage that it was built on', () => {
    const below = ['FROM scratch AS base', 'SHELL ["x"]', 'FROM base AS one', 'ENTRYPOINT a', 'FROM scratch'];
    expect(lint(below, { named })).toEqual(['4 JSONArgsRecommended']);
    expect(lint(below)).toEqual([]);
  });

  test('tells no variables when it is an image', () => {
    const image = new Map([['one', { kind: 'oci-layout', digest: 'sha256:0' } as const]]);
    expect(lint([...lines, 'FROM scratch'], { named: image })).toEqual(['4 MultipleInstructionsDisallowed']);
  });
});
