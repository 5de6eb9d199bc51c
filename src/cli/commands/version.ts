import { readFileSync } from 'node:fs';

/** What is read of a package.json. */
interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The version in the package.json that this file is installed with. */
export function readVersion(): string {
  return ownManifest().version ?? 'unknown';
}

/** The package.json that this file is installed with, wherever in the package the file lies. */
export function ownManifest(): Manifest {
  for (let dir = new URL('./', import.meta.url); ; dir = new URL('../', dir)) {
    const manifest = readManifest(new URL('package.json', dir));
    if (manifest?.name === 'wbuild' && manifest.version) return manifest;
    if (dir.pathname === new URL('../', dir).pathname) return {};
  }
}

function readManifest(file: URL): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch {
    return undefined; // none here, or one that is not ours: look further up
  }
}

/** `wbuild version`: one line, for people and for `sort -V`. */
export function versionText(): string {
  return `wbuild ${readVersion()}\n`;
}
