/** An image of a registry as something to compare: pulled into a store of its own, which is gone afterwards. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ImageSource } from '../../compare/image.js';
import { storeSource } from '../../compare/store-source.js';
import { formatReference, parseReference } from '../../oci/reference.js';
import type { Emit } from '../../progress/event.js';
import { registerTemporary, removeTree } from '../../util/atomic-write.js';
import { pullToStore } from './pull-image.js';

export interface PullingOptions {
  /** As typed. */
  readonly platform?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/** Where names are looked up that are in no store: in the registry that they name. `close` removes what was pulled. */
export class Registries {
  readonly #options: PullingOptions;
  readonly #undo: (() => void)[] = [];

  constructor(options: PullingOptions) {
    this.#options = options;
  }

  /**
   * Only a name that says its registry is asked for: a misspelt file should not become a question to somebody else's server.
   * @returns undefined for any other text
   * @throws BuildError `RegistryNotFound` and its like
   */
  find = async (reference: string): Promise<ImageSource | undefined> => {
    const text = reference.replace(/^docker:\/\//, '');
    if (text === reference && !/^(?:localhost|[^/]*[.:][^/]*)\//.test(text)) return undefined;
    if (/^[./]|\.(?:tar|tgz|gz)$/.test(text)) return undefined;
    const name = formatReference(parseReference(text));
    const folder = mkdtempSync(path.join(tmpdir(), 'wbuild-pulled-'));
    const forget = registerTemporary(folder);
    this.#undo.push(() => {
      removeTree(folder);
      forget();
    });
    const { env, platform, signal, emit = () => undefined } = this.#options;
    await pullToStore({ name, cacheDir: folder, platform, insecure: false, env, ...(signal && { signal }), emit });
    const source = await storeSource(folder, name);
    return source && { ...source, form: 'registry' };
  };

  close(): void {
    for (const undo of this.#undo) undo();
  }
}
