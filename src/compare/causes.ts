/**
 * Every reason that two images can have to differ, by a stable code: what it is called, and what to do about it.
 * docs/diagnostics/causes has a page for each.
 */
export const CAUSES = {
  // files
  FileMode: 'set modes in the Dockerfile, COPY --chmod=0644, or give both checkouts one umask',
  FileOwner: 'build without --chown, or with numbers: COPY --chown=0:0',
  FileTime:
    'set SOURCE_DATE_EPOCH: every time later than it becomes it; a time before it has to be the same in both contexts',
  FileType:
    'one build saw a link or a folder where the other saw a file: git stores links as files where core.symlinks is off',
  FileContent: 'build the file again in both places and compare there: the image only carries it',
  WasmSection: 'the module was compiled to other code: pin the toolchain and its flags',
  WasmCustomSection:
    'strip what toolchains leave (wasm-tools strip), or keep paths out: --remap-path-prefix, -ffile-prefix-map, -trimpath',
  PathInContent:
    'keep the path out when the file is made: --remap-path-prefix, -ffile-prefix-map, -trimpath, relative paths in source maps',
  FileMissing: 'look for an ignore rule, a file that git does not track, or a build step that did not run',
  FileExtra: 'keep it out with a line in .dockerignore, or name the files in COPY one by one',
  IgnoreRule: 'change the rule of the ignore file, or add an exception with !',
  NameCase: 'rename the file to one spelling: some file systems fold case or Unicode forms, and image layers do not',
  LinkTarget: 'make the link relative, so that it does not hold where the checkout lies',
  // the tar of a layer
  EntryOrder: 'sort the entries by the bytes of their names; the builder took the order of the disk',
  PaxRecord:
    'write no extended attributes or fractions of a second into layers; wbuild and BuildKit with rewrite-timestamp leave them out',
  TarHeader:
    'the builders write tar headers differently, and nothing that reads them sees it: use one builder for both',
  LayerCount: 'the Dockerfiles have different steps, or a builder squashed layers',
  LayerCompression:
    'give both builds one compression and compression-level; layers with equal diff IDs hold the same files',
  // config and manifest
  ConfigField: 'the Dockerfile or the options of the two builds differ',
  ConfigLabel: 'give both builds the same --label',
  HistoryText: 'the Dockerfiles differ in this instruction, or another builder words its history differently',
  ConfigEncoding: 'the configs say the same in other bytes (order of keys, blanks): use one builder for both',
  ManifestEncoding: 'the manifests say the same in other bytes (order of keys, blanks): use one builder for both',
  Platform: 'give both builds one --platform',
  PlatformMissing: 'build both for the same platforms, or compare one with --platform',
  MediaType: 'give both builds one output: oci-mediatypes=true or false, type=oci or docker',
  Annotation: 'give both builds the same --annotation',
  Epoch: 'set SOURCE_DATE_EPOCH to one value for both builds',
  // around the image
  Attestation: 'give both builds the same --attest; statements of BuildKit differ from build to build',
  ImageName: 'give both builds the same -t',
  ArchiveLayout: 'the archives hold the same image in other files: give both builds one output type',
} as const satisfies Record<string, string>;

export type CauseCode = keyof typeof CAUSES;
