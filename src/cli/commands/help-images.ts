/** The help texts of what works on images, caches, builders and registries. */

export const DIFF = `Usage:  wbuild diff [--json] [--platform OS/ARCH] A B

Compares two images from the manifest down, and says why they differ, a line for each cause with what to do about it:
media types, config, history, layers, and within a layer each entry's header and the first byte that differs.

A and B are archives (of wbuild, docker save or docker buildx, plain or gzip), OCI layout folders, names and digests
that wbuild images shows, or names with their registry. :TAG or @DIGEST behind a path names one image of several.

      --platform OS/ARCH        only the image of this platform
      --json                    for programs
      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)

Exit codes: 0 no difference, 3 they differ, 1 one cannot be read, 2 wrong usage.

Examples:
  wbuild diff image.tar other.tar
  wbuild diff app:1 app:2
`;

export const INSPECT = `Usage:  wbuild inspect [--json] [--platform OS/ARCH] IMAGE

Says what is in an image: digests, config, entry point, layers, files with their sizes, and the imports and exports of
WebAssembly modules. IMAGE is an archive, an OCI layout folder, a name or digest that wbuild images shows, or a name
with its registry.

      --platform OS/ARCH        only the image of this platform
      --json                    for programs
      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)

Examples:
  wbuild inspect image.tar
  wbuild inspect --json --platform wasi/wasm registry.example.com/team/app:1
`;

export const CACHE = `Usage:  wbuild cache ls [--json]
        wbuild cache du [--json]
        wbuild cache prune [--older-than AGE] [--max-size SIZE] [--all] [--json]
        wbuild cache verify [--json]

Looks after the cache, in which builds keep layers and named images. All of it may run while builds do.

  ls                            every blob: its size, its last use, and what refers to it
  du                            how much room what takes
  prune                         remove what nothing refers to, and as much of the rest as is asked for; images stay
      --older-than AGE          layers that were not used for so long, as 7d or 12h
      --max-size SIZE           those not used for the longest time, until the blobs have this size, as 2GB
  -a, --all                     everything that no image needs
  verify                        check every blob, and remove the damaged ones: later builds make them again

      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)
      --json                    for programs

Exit codes: as those of a build; 3 when verify found damage.

Examples:
  wbuild cache du
  wbuild cache prune --older-than 7d --max-size 2GB
`;

export const IMAGES = `Usage:  wbuild images [--json]
        wbuild save NAME [-o FILE] [--type docker|oci]
        wbuild tag SOURCE NAME
        wbuild rmi NAME...

The images that builds with -t left in the cache. Where one is named, its IMAGE ID does as well.

  images                        list them
      --json                    for programs
  save                          write one as an archive, to a file or to standard output
  -o, --output FILE             the file
      --type TYPE               docker (default): an archive for docker load; or oci
  tag                           give one a further name
  rmi                           take names away; wbuild cache prune frees the room

      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)

Examples:
  wbuild images
  wbuild save me/app:1 -o app.tar
  wbuild tag me/app:1 registry.example.com/team/app:1
  wbuild rmi me/app:1
`;

export const BUILDER = `Usage:  wbuild builder ls [ADDRESS...]
        wbuild builder inspect [ADDRESS]
        wbuild builder du [ADDRESS] [--filter FILTER]...
        wbuild builder prune [ADDRESS] [--filter FILTER]... [--older-than AGE] [--max-size SIZE] [--all]

Looks at BuildKit daemons, and tidies them up. ADDRESS is docker (DOCKER_HOST, or the default socket), unix:///path of
BuildKit's or of Docker's socket, or tcp://host:port; without one it is that of BUILDKIT_HOST.

  ls                            whether each answers, its version and platforms; exit code 3 when one does not
  inspect                       all that a builder says of itself
  du                            what its cache holds
  prune                         remove what its cache does not need; on a shared builder that is everybody's cache
      --older-than AGE          only what was not used for so long, as 7d or 12h, or never
      --max-size SIZE           only as much as is needed for the cache to have this size, as 20GB
  -a, --all                     also what BuildKit itself brought, and what is shared
      --filter FILTER           du and prune: only what BuildKit's filter says, as id~=^abc or 'type==source.local'

      --tlscacert FILE          who may have signed the builder's certificate; with any of these, tcp:// is encrypted
      --tlscert FILE            our certificate
      --tlskey FILE             its key
      --tlsservername NAME      the name in the builder's certificate, where it is not the host of the address
      --json                    for programs

Examples:
  wbuild builder ls docker tcp://builder:1234
  wbuild builder prune --older-than 7d tcp://builder:1234
`;

export const RUN = `Usage:  wbuild run [OPTIONS] IMAGE [ARG...]

Runs the WebAssembly module that is the entry point of an image, in the WASI of Node (preview 1), to see a program work
where no wasm runtime is installed. It is no sandbox for code that you do not trust: see docs/run.md.

IMAGE is an archive, an OCI layout folder, a name or digest that wbuild images shows, or a name with its registry. ARG
takes the place of the CMD of the image. The program sees the files of the image as /, a copy that is gone afterwards.

  -e, --env KEY=VALUE           a variable of its environment, beside those of the image; KEY alone takes the value
                                that it has here; may be repeated
      --dir HOST::GUEST         a folder of this machine under the name GUEST; with ::ro behind it, to read alone; may
                                be repeated
      --writable                let it write to its copy of the image's files
      --platform OS/ARCH        which image of several platforms (default: the one for WASI)
      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)

Exit codes: those of the program; 125 it could not be started, 134 it trapped, 130 interrupted, 2 wrong usage.

Examples:
  wbuild run image.tar
  echo hello | wbuild run -e LANG=C me/app:1 --verbose
  wbuild run --dir ./data::/data::ro registry.example.com/team/app:1
`;

export const REGISTRY = `Usage:  wbuild push NAME [--insecure]
        wbuild pull NAME [--platform OS/ARCH] [--insecure]
        wbuild login [HOST] [-u USER] [--password-stdin] [--insecure]
        wbuild logout [HOST]

Images between the cache and registries. NAME is read as docker reads it: without HOST/ it is of docker.io.

  push                          push an image that a build with -t, or a pull, left in the cache
  pull                          pull an image into the cache, every byte checked against its digest
      --platform OS/ARCH        of several platforms that one alone; the default is all of them
      --insecure                take certificates that nobody vouches for, and http (this machine may speak it anyway)
      --cache-dir DIR           where the cache lies (default: WBUILD_CACHE_DIR, or wbuild in XDG_CACHE_HOME)
      --progress MODE           auto, tty, plain, quiet or rawjson, on standard error (default: auto)
  -q, --quiet                   print the digest on standard output, and nothing else

  login                         try credentials, and keep them where docker keeps them; the default is docker.io
  -u, --username USER           the account; on a terminal it is asked for, as is the password
      --password-stdin          read the password, or a token, from standard input
  -p, --password PASSWORD       the password, where every user of this machine can read it: better not
  logout                        forget them

Credentials are those of docker: config.json in DOCKER_CONFIG or ~/.docker, with its credential helpers.
HTTPS_PROXY, HTTP_PROXY and NO_PROXY count. NODE_EXTRA_CA_CERTS names certificates of further authorities.

Examples:
  wbuild push registry.example.com/team/app:1
  wbuild pull --platform wasi/wasm registry.example.com/team/app:1
  wbuild login -u me --password-stdin registry.example.com < token.txt
  wbuild logout registry.example.com
`;

export const COMPLETION = `Usage:  wbuild completion bash|zsh|fish

Prints a script that completes commands, options and their values in a shell.

Examples:
  wbuild completion bash > ~/.local/share/bash-completion/completions/wbuild
  wbuild completion zsh > ~/.zfunc/_wbuild        # where fpath has ~/.zfunc before compinit
  wbuild completion fish > ~/.config/fish/completions/wbuild.fish
`;

export const VERSION = `Usage:  wbuild version [--json]

Prints the version, as does wbuild --version.

      --json                    with that of Node, and with what decides the bytes of layers

Examples:
  wbuild version
  wbuild version --json
`;
