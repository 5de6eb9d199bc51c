/**
 * The help texts of what builds; help-images.ts has the others. They are the one source of the man page (man-page.ts)
 * and of what completions say, and list every option of the parser, which a test checks.
 */
import { BUILDER, CACHE, COMPLETION, DIFF, IMAGES, INSPECT, REGISTRY, RUN, VERSION } from './help-images.js';

/** The day on which the texts were last changed: the date of the man page. */
export const REVISED = '2026-11-24';

const MAIN = `Usage:  wbuild [build] [OPTIONS] CONTEXT
        wbuild check [--format FORMAT] [OPTIONS] CONTEXT
        wbuild llb [--format FORMAT] [OPTIONS] CONTEXT
        wbuild verify --against IMAGE [OPTIONS] CONTEXT
        wbuild COMMAND --help

Builds the image of a Dockerfile made of FROM scratch, COPY and ENTRYPOINT: bit for bit the one that BuildKit makes,
without a daemon, root or network. CONTEXT is the folder that COPY reads, or - for a tar on standard input.

Commands:
  build, check, llb             build an image, check its Dockerfile, print the build graph
  verify, diff, inspect         prove an image, compare two, look into one
  run                           run the program of an image
  images, save, tag, rmi        the images of the cache
  push, pull, login, logout     registries
  cache, builder                look after the cache, and after BuildKit daemons
  completion, version, help     for shells, for scripts, for people

What to build:
  -f, --file FILE               the Dockerfile (default: CONTEXT/Dockerfile), or - for standard input
      --target STAGE            the stage to build (default: the last one)
      --build-context NAME=DIR  a further context for COPY --from=NAME, in place of any stage of that name;
                                also NAME=oci-layout://DIR:TAG
      --platform OS/ARCH,...    what the image is for, as wasi/wasm or linux/arm64 (default: linux on this machine);
                                several make an index with an image for each

What to write:
  -t, --tag NAME[:TAG]          a name for the image; may be repeated
      --label KEY=VALUE         a label of the image; may be repeated
      --annotation KEY=VALUE    an annotation of the manifest; index:KEY=VALUE, manifest[OS/ARCH]:KEY=VALUE and so on
                                for other places; may be repeated
      --attest type=TYPE,...    state something about the image: provenance (mode=min or max, version=v1 or v0.2,
                                builder-id=URI: how it was made) or sbom (what is in it). The image is then one of
                                an index, which not every wasm runtime takes
      --provenance VALUE        short for --attest type=provenance: true, false, or parameters as mode=min
      --sbom true               short for --attest type=sbom
  -o, --output type=TYPE,...    what to write and where; may be repeated (default: type=docker,dest=image.tar)
        docker                  an archive for docker load, which is an OCI archive as well
        oci                     an OCI archive, or with tar=false an OCI layout folder
        wasm                    the module alone, as the OCI artifact of wasm runtimes; dest or push=true
        local, tar              the files of the image, in a folder or in a tar
        image                   an image in the cache, by name; with push=true, or as type=registry, in its registry
        cacheonly               nothing
      --push                    push the image to the registry of each of its names
      --load                    load the image into the running Docker, as does -o type=docker without dest
      --iidfile FILE            write the image ID to a file
      --metadata-file FILE      write the digests to a file, as JSON

How to build:
      --timestamp TIME          the time of the image: git (that of the last commit), now, seconds since 1970, or
                                RFC 3339 (default: SOURCE_DATE_EPOCH, or 0)
      --no-cache                build every step again
      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)
      --cache-to type=local,dest=DIR
                                make a folder the cache of this build, for another machine to take
      --cache-from type=local,src=DIR
                                take layers from such a folder that the cache lacks; may be repeated. With --builder
                                both take every type that BuildKit has
      --builder ADDRESS,...     build on a BuildKit daemon: docker, unix:///path or tcp://host:port; of several, on the
                                one that has the cache, if it answers (default: BUILDKIT_HOST, or local: here)
      --tlscacert FILE          who may have signed the builder's certificate; with any of these, tcp:// is encrypted
      --tlscert FILE            our certificate
      --tlskey FILE             its key
      --tlsservername NAME      the name in the builder's certificate, where it is not the host of the address

What to show:
      --explain                 say why each layer that was written did not come from the cache
      --progress MODE           auto, tty, plain, quiet or rawjson, on standard error (default: auto)
  -q, --quiet                   print the image ID on standard output, and nothing else
      --diagnostics FORMAT      text or json: how errors and warnings are printed, on standard error (default: text)
  -h, --help                    this text; wbuild COMMAND --help for the other commands
      --version                 the version

Environment:
  SOURCE_DATE_EPOCH             the time of the image, in seconds since 1970, and the latest time of a file in it
                                (default: 0)
  WBUILD_CACHE_DIR, BUILDKIT_HOST, BUILDKIT_PROGRESS
                                what --cache-dir, --builder and --progress are where they are not given
  DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG
                                which Docker --load means, and where credentials lie
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                                how registries are reached
  NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE
                                whether there are colours (default: on a terminal)
  WBUILD_DEBUG=1                say where in the program a bug showed

Exit codes: 0 done, 1 the build failed, 2 wrong usage, 3 a check did not hold, 70 a bug in wbuild, 130 interrupted.

Examples:
  wbuild --platform wasi/wasm -t hello:1 .
  wbuild -o type=oci,dest=hello.tar -f app/Dockerfile app
  wbuild --build-context builder=./out --target release .
`;

const CHECK = `Usage:  wbuild check [--format FORMAT] [OPTIONS] CONTEXT

Says every error and warning of a build, on standard output. Nothing is built or written; files are listed, not read.
CONTEXT and the options are those of a build: see wbuild --help. Without --target all stages are checked.

      --format FORMAT           text (default), json, sarif (2.1.0), or github: commands of a GitHub workflow
  -q, --quiet                   errors alone

In the Dockerfile, # check=skip=Rule,Rule silences rules: at the top everywhere, above an instruction there. At the top,
# check=error=true makes errors of warnings. docs/diagnostics has a page for each rule.
Exit codes: 0 no errors, 3 errors, 1 there was nothing to check, 2 wrong usage.

Examples:
  wbuild check .
  wbuild check --platform wasi/wasm --format github .
  wbuild check --format sarif . > wbuild.sarif
`;

const LLB = `Usage:  wbuild llb [--format FORMAT] [OPTIONS] CONTEXT

Prints the build graph of a Dockerfile on standard output: BuildKit's own LLB, which a BuildKit daemon can solve.
Nothing is built or written. CONTEXT and the options are those of a build: see wbuild --help.

      --format FORMAT           text (default), json, dot (Graphviz), mermaid, or pb: the bytes that BuildKit reads

Examples:
  wbuild llb .
  wbuild llb --format dot --target release . | dot -Tsvg > graph.svg
  wbuild llb --format pb . | buildctl debug dump-llb
`;

const VERIFY = `Usage:  wbuild verify --against IMAGE [--require LEVEL] [--json] [OPTIONS] CONTEXT
        wbuild verify --perturb [--json] [OPTIONS] CONTEXT

Builds again, in a store of its own, and compares with IMAGE: an archive (of wbuild, docker save or docker buildx), an
OCI layout folder, a name or digest that wbuild images shows, a name with its registry, or any digest. Says why where
they differ, and writes nothing. CONTEXT and the options are those of the build: see wbuild --help. Without --platform
and -o, those of IMAGE are taken.

      --against IMAGE           what the rebuild has to be equal to
      --require LEVEL           down to where: archive, manifest, config, diff-ids or contents (default: manifest, or
                                config where IMAGE has no manifest). diff-ids suits an image of another builder
      --perturb                 build twice, the second time in a hostile world (a copy elsewhere, other times, modes of
                                another umask, another locale, time zone and number of workers, folders listed
                                backwards), and name what of it is in the image
      --json                    for programs

A summary is added to the file that GITHUB_STEP_SUMMARY names.
Exit codes: 0 equal on that level, 3 not, 1 the build failed or IMAGE cannot be read, 2 wrong usage.

Examples:
  wbuild verify --against image.tar .
  wbuild verify --against sha256:4af3… --platform wasi/wasm .
  wbuild verify --against from-docker.tar --require diff-ids .
  wbuild verify --perturb --platform wasi/wasm .
`;

const TEXTS = {
  wbuild: MAIN,
  check: CHECK,
  llb: LLB,
  verify: VERIFY,
  builder: BUILDER,
  diff: DIFF,
  inspect: INSPECT,
  run: RUN,
  cache: CACHE,
  images: IMAGES,
  save: IMAGES,
  tag: IMAGES,
  rmi: IMAGES,
  push: REGISTRY,
  pull: REGISTRY,
  login: REGISTRY,
  logout: REGISTRY,
  completion: COMPLETION,
  version: VERSION,
} as const;

/** The text of `wbuild --help`, or of `wbuild check --help` and so on. */
export function helpText(topic: keyof typeof TEXTS): string {
  return TEXTS[topic];
}
